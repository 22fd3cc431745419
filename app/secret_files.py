"""Secrets from files: `KTUP_DATABASE_PASSWORD_FILE` names a file with what `KTUP_DATABASE_PASSWORD` would hold.

A variable of the environment is seen by whoever may look at a container or read `/proc`; a mounted file has an owner
and a mode.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

SUFFIX = "_FILE"
LARGEST_BYTES = 64 * 1024


def read_secrets(names: Iterable[str], environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Read the file of each variable that has one; gives the values by variable, and a line for each mistake.

    One newline at the end is left out: editors and `echo` write it, and no secret is meant to end so.
    """
    values, problems = {}, []
    for name in names:
        path = environment.get(name + SUFFIX)
        if not path:
            continue
        if environment.get(name):
            problems.append(f"{name + SUFFIX}: {name} is set, too; set one of them")
            continue
        try:
            values[name] = _read(Path(path))
        except ValueError as error:
            problems.append(f"{name + SUFFIX}: {error}")
    return values, problems


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}: {path}") from None
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"expected a secret, but the file has more than {LARGEST_BYTES:,} bytes: {path}")
    try:
        text = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError(f"is no UTF-8 text: {path}") from None
    if not text.strip():
        raise ValueError(f"the file is empty: {path}")
    if "\n" in text or "\0" in text:
        raise ValueError(f"expected one line: {path}")
    return text
