"""On what a measurement was made: processor, memory, versions, threads. No host name, no path."""

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def describe_machine(threads: int, packages: Sequence[str]) -> dict[str, Any]:
    """Describe this machine and the versions of `packages` (null where one is not installed).

    `memory_gib` is the machine's whole memory, null where the system does not tell.
    """
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": threads,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
    }


def describe_run(
    module: str, arguments: Sequence[str] | None, paths: Mapping[str, Path | None], packages: Sequence[str]
) -> dict[str, Any]:
    """Describe a run on one thread: date, machine and command, in which each of `paths` is told by its name."""
    command = shlex.join(["python", "-m", f"benchmarks.{module}", *(arguments or sys.argv[1:])])
    for name, path in paths.items():
        command = command if path is None else command.replace(str(path), name)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": date, "machine": describe_machine(1, packages), "command": command}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
