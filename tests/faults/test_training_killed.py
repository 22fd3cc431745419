"""kill -9 of `python -m training train` at random moments, then --resume: the same figures as an undisturbed run."""

import json
import random
import subprocess
import time
from functools import partial
from pathlib import Path

from tests.faults.processes import command, environment, running, until

KILLS = 2


def test_c59_training_killed_at_random_moments_and_resumed_ends_with_equal_figures(tmp_path: Path) -> None:
    env, data = environment(), tmp_path / "data"
    words = ("convert", "data/sample/raw", data, "--name", "sample", "--format", "tables")
    assert command("training", *words, env=env).returncode == 0
    small = ("--set", "epochs=12", "--set", "model.embedding_size=8", "--set", "validation.every=1", "--threads", "1")
    train = ("train", "--preset", "sample", "--data", str(data), *small)
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    ended = command("training", *train, "--out", straight, env=env, timeout=200)
    assert ended.returncode == 0, ended.stderr
    chance, epochs = random.Random(7), 0
    for _ in range(KILLS):
        resume = ["--resume"] if (killed / "state.safetensors").exists() else []
        out = ("--out", str(killed), *resume)
        with running("training", *train, *out, env=env, log=tmp_path / "killed.log") as process:
            until(partial(_went_on, killed, epochs, process), 120)
            time.sleep(chance.random() / 2)
            process.kill()
        epochs = _epochs(killed)
    if not (killed / "checkpoint").exists():
        ended = command("training", *train, "--out", killed, "--resume", env=env, timeout=200)
        assert ended.returncode == 0, ended.stderr
    assert _figures(killed) == _figures(straight)
    weights = [(run / "checkpoint" / "weights.safetensors").read_bytes() for run in (killed, straight)]
    assert weights[0] == weights[1]


def _went_on(run: Path, epochs: int, process: "subprocess.Popen[bytes]") -> bool:
    return _epochs(run) > epochs or process.poll() is not None


def _epochs(run: Path) -> int:
    """Epochs whose state is on disk, as its header tells."""
    state = run / "state.safetensors"
    if not state.exists():
        return 0
    with state.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    progress = json.loads(header["__metadata__"]["progress"])
    return len(progress["history"])


def _figures(run: Path) -> list[dict[str, object]]:
    history = json.loads((run / "history.json").read_text())
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]
