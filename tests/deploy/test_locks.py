"""The lists of hashes in requirements/: whole, at one with constraints.txt, and each package with hashes alone."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(name: str) -> dict[str, list[tuple[Requirement, int]]]:
    """Read a list: what is pinned, by name, with the number of its hashes; several where markers tell them apart."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for line in text.splitlines():
        requirement = Requirement(HASH.sub("", line))
        found.setdefault(canonicalize_name(requirement.name), []).append((requirement, len(HASH.findall(line))))
    return found


def constrained() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    pairs = (line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pairs}


def needed(group: str) -> set[str]:
    """Everything that a group needs where this test runs: its own packages, what they need, and so on."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    texts = [text for each in ("core", group) for text in groups[each] if isinstance(text, str)]
    todo, done = [Requirement(text) for text in texts], set[str]()
    while todo:
        requirement = todo.pop()
        name: str = canonicalize_name(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        done.add(name)
        try:
            wanted = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        for text in wanted:
            child = Requirement(text)
            extras = ("", *requirement.extras)
            holds = child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in extras)
            if holds and canonicalize_name(child.name) not in done:
                child.marker = None
                todo.append(child)
    return done


@pytest.mark.parametrize("name", ["cpu", "cuda", "gpu"])
def test_every_package_is_pinned_to_one_version_and_has_a_hash(name: str) -> None:
    found = entries(name)
    assert len(found) > 50
    for each in found.values():
        for requirement, hashes in each:
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", requirement
            assert "*" not in specifier.version, requirement
            assert hashes > 0, requirement
            assert requirement.url is None, requirement


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_the_list_has_all_that_the_service_needs(name: str) -> None:
    # What is not here was left out when `make locks` was last run.
    assert needed("cpu") - entries(name).keys() == set()
    assert len(needed("cpu")) > 50


def test_the_trainer_on_a_gpu_has_what_its_group_names() -> None:
    found = entries("gpu")
    assert (needed("gpu") & found.keys()) >= {"torch", "faiss-gpu-cu12", "polars", "safetensors"}
    assert "faiss-cpu" not in found


@pytest.mark.parametrize("name", ["cpu", "cuda", "gpu"])
def test_the_list_and_the_constraints_name_the_same_versions(name: str) -> None:
    constraints = constrained()
    differing = {
        package: (requirement.specifier, constraints[package])
        for package, each in entries(name).items()
        for requirement, _ in each
        if package in constraints
        and requirement.marker is None
        and str(requirement.specifier).removeprefix("==").partition("+")[0] != constraints[package]
    }
    assert differing == {}


def test_the_cpu_list_brings_no_cuda() -> None:
    found = entries("cpu")
    assert [package for package in found if package.startswith(("nvidia-", "cuda-", "triton"))] == []
    ((torch, hashes),) = found["torch"]
    assert (str(torch.specifier).partition("+")[2], hashes) == ("cpu", 1)
