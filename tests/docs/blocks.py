"""The fenced blocks of a page, what is to be done with each, and a place where a page's commands run in order.

A page says in its source what no reader sees:

    <!-- served: sample -->     under the title: a server answers on port 8000 from the first block on
    <!-- background -->         before a block: it runs until the end of the page, and its server has to be ready
    <!-- not run: REASON -->    before a block that cannot run here
    <!-- run by: TEST -->       before a block that another test runs

Blocks of `sh` run; a block of `json` or `text` after one is held against what the last one printed.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"<!-- (background|not run|run by)(?:: ([^\n]+?))? -->\s*\Z")
SERVED = "<!-- served: sample -->"
ADDRESS = re.compile(r"(127\.0\.0\.1|localhost):8000")
LINKED = ("app", "models", "training", "benchmarks", "migrations", "data", "alembic.ini", "Makefile", "pyproject.toml")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page and line, language and text, and the mark before it with its reason."""

    page: str
    line: int
    language: str
    text: str
    mark: str | None
    reason: str | None

    @property
    def runs(self) -> bool:
        """Whether the runner executes it."""
        return self.language == "sh" and self.mark in (None, "background")


def blocks_of(path: Path) -> list[Block]:
    """Read the blocks of a page, in order."""
    text, found = path.read_text(encoding="utf-8"), []
    for match in FENCE.finditer(text):
        mark = MARK.search(text[: match.start()])
        kind, reason = (mark.group(1), mark.group(2)) if mark else (None, None)
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(path.relative_to(ROOT).as_posix(), line, match.group(2), match.group(3), kind, reason))
    return found


def pages() -> list[Path]:
    """All pages that people read, but for those that are made of the sources."""
    made = "<!-- Made by "
    every = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in every if not path.read_text(encoding="utf-8").startswith(made)]


class Place:
    """A folder that looks like the source's, where commands run as a person runs them, one shell after the other."""

    def __init__(self, folder: Path, port: int, replaced: dict[str, str] | None = None) -> None:
        self.folder, self.port, self.replaced = folder, port, replaced or {}
        self._background: list[subprocess.Popen[bytes]] = []
        self._env = {k: v for k, v in os.environ.items() if not k.startswith(("KTUP_", "COV_", "PYTEST_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._env |= {"PATH": path, "KTUP_PORT": str(port), "KTUP_LOG_LEVEL": "warning", "OMP_NUM_THREADS": "1"}
        self._env |= {"KTUP_URL": f"http://127.0.0.1:{port}", "NO_COLOR": "1", "COLUMNS": "200"}

    def link_sources(self) -> None:
        """Put links to the sources into the folder."""
        for name in LINKED:
            (self.folder / name).symlink_to(ROOT / name)

    def run(self, text: str) -> str:
        """Run a block, stop at its first error, keep its variables and folder for the next; gives standard output."""
        keep = self.folder / ".shell"
        script = f"set -eo pipefail\n[ -f {keep} ] && . {keep}\n{self._here(text)}\n(export -p; declare -p; "
        script += f"echo \"cd '$PWD'\") 2>/dev/null | grep -vE '^declare -[a-zA-Z]*r' > {keep}"
        command = ["bash", "-c", script]
        done = subprocess.run(
            command, cwd=self.folder, env=self._env, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, text: str) -> None:
        """Run a block in the background; if it serves, wait until it is ready."""
        keep = self.folder / ".shell"
        script = f"[ -f {keep} ] && . {keep}\nexec {self._here(text).strip()}"
        process = subprocess.Popen(["bash", "-c", script], cwd=self.folder, env=self._env, start_new_session=True)
        self._background.append(process)
        if "serve" in text:
            self._wait(process)

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert process.poll() is None, "the server ended"
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/health/ready").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("the server was not ready after two minutes")

    def _here(self, text: str) -> str:
        for shown, real in self.replaced.items():
            text = text.replace(shown, real)
        return ADDRESS.sub(f"127.0.0.1:{self.port}", text)

    def close(self) -> None:
        """End what runs in the background."""
        for process in self._background:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._background:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def run_page(path: Path, place: Place, answers: bool = True) -> int:
    """Run a page's blocks in order, and hold shown answers against real ones; gives how many ran."""
    printed, ran = "", 0
    for block in blocks_of(path):
        where = f"{block.page}:{block.line}"
        if block.mark == "background":
            place.start(block.text)
        elif block.runs:
            printed = place.run(block.text)
        elif block.language == "json" and block.mark is None and answers:
            told = answers_in(printed)
            assert told, f"{where}: the block before printed no JSON\n{printed}"
            covered(json.loads(block.text), told[-1], where)
        elif block.language == "text" and block.mark is None:
            missing = [line for line in block.text.splitlines() if _plain(line) not in _plain(printed)]
            assert not missing, f"{where}: {missing} is not in\n{printed}"
        ran += block.runs
    return ran


def answers_in(printed: str) -> list[Any]:
    """Read the JSON values that were printed one after the other, with or without line ends between."""
    decoder, found, text = json.JSONDecoder(), list[Any](), printed.lstrip()
    while text.startswith(("{", "[")):
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


def covered(shown: Any, real: Any, where: str) -> None:
    """Hold a shown answer against a real one: its fields and values are there; "…" and scores stand for any value.

    Of a shown list each entry is held against the first real one.
    """
    if isinstance(shown, dict):
        assert isinstance(real, dict), where
        for name, value in shown.items():
            assert name in real, f"{where}: {name} is not in {list(real)}"
            covered(value, real[name], f"{where}.{name}")
    elif isinstance(shown, list) and all(isinstance(entry, dict | list) for entry in shown):
        assert isinstance(real, list), where
        assert real or not shown, f"{where}: the real list is empty"
        for entry in shown:
            covered(entry, real[0], f"{where}[0]")
    elif isinstance(shown, list):
        assert isinstance(real, list), where
        assert len(shown) == len(real), f"{where}: {shown} is shown, {real} is real"
        for each, its in zip(shown, real, strict=True):
            covered(each, its, where)
    elif not (shown == "…" or isinstance(shown, float)):
        assert shown == real, f"{where}: {shown!r} is shown, {real!r} is real"


def _plain(text: str) -> str:
    return " ".join(text.split())


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
