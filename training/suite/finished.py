"""Whether what stands in a run's folder is what is asked for now: settings, data, and what it began from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.checkpoint import WEIGHTS, read_manifest
from training.config import TrainingConfig
from training.data.indexed import IndexedDataset
from training.suite.errors import SuiteError
from training.suite.result import RESULT, RunResult, read_result

REMEDY = "name another --out, or remove that folder to train it again"


def weights_of(checkpoint: Path) -> str:
    """Give the SHA-256 of a checkpoint's weights, as its manifest says.

    Raises:
        CheckpointError: no manifest, or one without it.
    """
    return str(read_manifest(checkpoint)["files"][WEIGHTS])


def check_finished(
    checkpoint: Path, config: TrainingConfig, dataset: IndexedDataset, sources: Sequence[Path]
) -> Mapping[str, Any]:
    """Give the manifest of a finished run, once it is known to be the one that is asked for.

    Raises:
        SuiteError: it was trained with other settings, on other data or from other weights; both are named.
    """
    manifest = read_manifest(checkpoint)
    found = {
        **_flat("", _settings(checkpoint, manifest)),
        "the data set": manifest["dataset"]["content_hash"][:12],
        "its warm starts": [record["weights"][:12] for record in manifest.get("warm_starts", [])],
    }
    asked = {
        **_flat("", config.model_dump(mode="json")),
        "the data set": dataset.content_hash[:12],
        "its warm starts": [weights_of(source)[:12] for source in sources],
    }
    differences = [
        f"{name} is {_told(found, name)} there and {_told(asked, name)} here"
        for name in dict.fromkeys([*found, *asked])
        if found.get(name) != asked.get(name)
    ]
    if differences:
        raise SuiteError(f"{checkpoint.parent} holds another finished run: {'; '.join(differences)}; {REMEDY}")
    return manifest


def result_of(folder: Path, preset: str, weights: str) -> RunResult | None:
    """Give the result in a folder, or None where none stands there, or one of other weights or of an older version."""
    try:
        result = read_result(folder / RESULT)
    except SuiteError:
        return None
    return result if (result.preset, result.weights) == (preset, weights) else None


def _settings(checkpoint: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings of a manifest; those that came later have the default that they had in effect."""
    try:
        return TrainingConfig.model_validate(manifest["training"]).model_dump(mode="json")
    except (KeyError, ValidationError) as error:
        raise SuiteError(f"{checkpoint}: its settings are not of this version ({error}); {REMEDY}") from None


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(f"{prefix}{name}.", value) if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _told(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else "not set"
