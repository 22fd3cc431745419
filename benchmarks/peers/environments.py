"""The peers' virtual environments: made once, made anew when what they need changes; nothing in them is patched."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    # RecBole 1.2.1 uses names that numpy 2 dropped and writes into frames as pandas 3 no longer allows; its ray imports
    # pkg_resources, which left setuptools with 81.
    "recbole": ("recbole==1.2.1", "numpy<2", "pandas<3", "setuptools<81", "torch==2.13.0"),
    "pykeen": ("pykeen==1.11.1", "torch==2.13.0"),
}
STAMP = ".requirements"


class PeerError(Exception):
    """A peer could not be installed or did not run; the message holds the end of what it said."""


def ensure(peer: str, folder: Path, python: Path = Path(sys.executable)) -> Path:
    """Make the environment of a peer in `folder` unless it is there; returns its Python.

    Raises:
        PeerError: the environment could not be made, as where no wheels exist for this Python.
    """
    wanted, home = "\n".join(REQUIREMENTS[peer]), folder / peer
    stamp, interpreter = home / STAMP, home / "bin" / "python"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return interpreter
    run([str(python), "-m", "venv", "--clear", str(home)], f"{peer}: venv")
    run([str(interpreter), "-m", "pip", "install", "--quiet", *REQUIREMENTS[peer]], f"{peer}: pip install")
    stamp.write_text(wanted, encoding="utf-8")
    return interpreter


def run(command: list[str], what: str, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run a command and give what it printed.

    Raises:
        PeerError: it ended with an error; the last ten lines of its complaint are in the message.
    """
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-10:])
        raise PeerError(f"{what} failed (exit code {done.returncode}):\n{last}")
    return done.stdout
