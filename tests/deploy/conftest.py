"""The manifests as a cluster gets them: every document of every file that the kustomization names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"


@pytest.fixture(scope="session")
def kustomization() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def manifests(kustomization: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    texts = [(FOLDER / name).read_text(encoding="utf-8") for name in kustomization["resources"]]
    return [document for text in texts for document in yaml.safe_load_all(text)]


def of_kind(manifests: Sequence[Mapping[str, Any]], *kinds: str) -> dict[str, Mapping[str, Any]]:
    """Give the manifests of some kinds by kind and name."""
    return {f"{m['kind']}/{m['metadata']['name']}": m for m in manifests if m["kind"] in kinds}


def pods(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Give each pod template by the kind and name of what makes its pods."""
    return {name: m["spec"]["template"] for name, m in of_kind(manifests, "Deployment", "Job").items()}
