"""From a checkpoint to a release: measure it on test, index it, measure the index, write everything in one step."""

import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import Checkpoint, load_checkpoint
from models.release import RELEASE_ID, write_release
from models.release_users import UserVectors
from models.retrieval.calibration import Calibration
from models.retrieval.exhaustive import ItemScan
from models.retrieval.ranking import RowLists
from models.retrieval.roles import Roles
from models.retrieval.search import Searcher
from models.retrieval.stored import SCANNED, Index, Kind, build_index, kind_of
from training.data.files import check_can_be_made
from training.data.indexed import IndexedDataset
from training.evaluation.calibration import calibrate, measure
from training.evaluation.completion import evaluate_completion
from training.evaluation.protocol import PROTOCOLS
from training.evaluation.recommendation import evaluate_recommendation, most_popular
from training.refit import learnt_validation_facts, rows_learnt

TOP_N, RECALL_TARGET, CALIBRATION_USERS, MEASURED_USERS = 10, 0.999, 200, 500
BRUTE_FORCE_USERS = 20
"""Users for whom an index of many items that proves its answers is held against brute force."""

Rows = NDArray[np.int64]


class ReleaseError(Exception):
    """A release cannot be made from this checkpoint and this data set; the message says why."""


@dataclass(frozen=True)
class CandidateRecall:
    """How many of the true first 10 the index finds: mean share, and share of users with all of them in order."""

    nominate: int
    users: int
    recall: float
    identical: float


def make_release(
    checkpoint_directory: Path,
    dataset: IndexedDataset,
    releases: Path,
    release_id: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    index_kind: Kind | None = None,
    probabilities_of: Path | None = None,
    users: UserVectors = "auto",
) -> Path:
    """Make and write a release; returns its directory. `say` is told each stage.

    `index_kind` None is chosen by size (models/retrieval/stored.py). `probabilities_of` is the checkpoint that a refit
    came from: probabilities are fitted on facts that it did not learn from, and measured with the refit on test.
    `users` says whether servers load users or look them up (models/release_users.py).

    Raises:
        ReleaseError: the checkpoint is of another data set, or its model does not do both tasks, or the id is
            taken or none, or it learnt from the validation facts and `probabilities_of` is None or did so, too.
        TargetExists: nothing can be written in `releases`.
        CheckpointError: the checkpoint is not sound.
    """
    checkpoint, created = load_checkpoint(checkpoint_directory), datetime.now(UTC)
    _check_tasks(checkpoint)
    fitted = source_of_probabilities(checkpoint, checkpoint_directory, dataset, probabilities_of)
    name = release_id or default_id(dataset.name, checkpoint.model_name, created)
    _check_id(releases, name)
    check_can_be_made(releases / name)
    say("measuring on the test split")
    metrics = measure_on_test(checkpoint, dataset)
    say("indexing items")
    items_hash = checkpoint.vocabularies["items"].content_hash
    model = checkpoint.model.to(torch.float64)
    index = build_index(
        model, items_hash, index_kind, lambda done, of: say(f"sorting items into cells: {done:,} of {of:,}")
    )
    say("calibrating the probabilities of missing facts")
    calibration = calibrated(checkpoint, dataset, metrics, fitted)
    say("measuring candidate recall")
    recall = candidate_recall(model, index, dataset)
    values = {
        "created_at": created.isoformat(timespec="seconds"),
        "model": checkpoint.manifest["model"],
        "dataset": checkpoint.manifest["dataset"],
        "counts": checkpoint.manifest["counts"],
        "training": _trained_with(checkpoint),
        "metrics": metrics,
        "index": {**vars(recall), "kind": kind_of(index)},
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "faiss": faiss.__version__},
    }
    learnt = rows_learnt(dataset, checkpoint.manifest)
    roles = Roles.of_triples(learnt.triples["train"], len(dataset.relations))
    write_release(releases / name, checkpoint_directory, index, roles, values, calibration, users)
    return releases / name


def default_id(dataset_name: str, model_name: str, created: datetime) -> str:
    """Name a release by data set, model and time; what an id cannot hold becomes a hyphen.

    >>> default_id("My films (2024)", "ktup", datetime(2026, 1, 2, 3, 4, 5))
    'My-films-2024-ktup-20260102T030405Z'
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", dataset_name).strip("-")[:60] or "release"
    return f"{plain}-{model_name}-{created:%Y%m%dT%H%M%SZ}"


def _check_id(releases: Path, name: str) -> None:
    if not RELEASE_ID.fullmatch(name):
        raise ReleaseError(
            f"--id {name!r}: expected letters, digits, '.', '_' and '-', a letter or digit first, at most 100 of them"
        )
    if (releases / name).exists():
        raise ReleaseError(f"{releases / name} exists; a release is never overwritten, choose another --id")


def _check_data(checkpoint: Checkpoint, dataset: IndexedDataset) -> None:
    trained_on = checkpoint.manifest.get("dataset", {}).get("content_hash", "unnamed")
    if trained_on != dataset.content_hash:
        raise ReleaseError(
            f"the checkpoint was trained on data {trained_on[:12]}…, but {dataset.name} is {dataset.content_hash[:12]}…"
        )


def _trained_with(checkpoint: Checkpoint) -> Mapping[str, Any]:
    settings = checkpoint.manifest.get("training")
    if not isinstance(settings, dict):
        raise ReleaseError("the checkpoint does not say how it was trained; name one that `train` made")
    return settings


def _check_tasks(checkpoint: Checkpoint) -> None:
    if not (hasattr(checkpoint.model, "space") and hasattr(checkpoint.model, "score_triples")):
        raise ReleaseError(f"a release serves recommendations, reasons and facts; {checkpoint.model_name} does not")


def measure_on_test(
    checkpoint: Checkpoint,
    dataset: IndexedDataset,
    device: torch.device | str = "cpu",
    protocol_name: str | None = None,
) -> dict[str, Any]:
    """Evaluate both tasks on the test split; a task without test rows is left out.

    The protocol is that of the training run unless another is named. The list of the most popular items, which stands
    beside, counts the interactions that the model learnt from.

    Raises:
        ReleaseError: the checkpoint is of another data set, does not say how it was trained, or its training avoided
            rows of a split that the protocol holds back from it.
    """
    _check_data(checkpoint, dataset)
    trained_under = PROTOCOLS[_trained_with(checkpoint)["protocol"]]
    protocol = PROTOCOLS[protocol_name or trained_under.name]
    if set(trained_under.negatives_avoid) - set(protocol.negatives_avoid):
        raise ReleaseError(
            f"the checkpoint was trained under the {trained_under.name} protocol: its negatives told it what is held "
            f"out, so no figure of it is one of the {protocol.name} protocol; train it under that one"
        )
    metrics: dict[str, Any] = {"protocol": protocol.name, "split": "test", "top_n": TOP_N}
    if hasattr(checkpoint.model, "score_items") and len(dataset.interactions["test"]):
        result = evaluate_recommendation(checkpoint.model, dataset, "test", protocol, TOP_N, device)
        metrics["recommendation"] = result.means()
        learnt = rows_learnt(dataset, checkpoint.manifest)  # moved rows are left out of the lists as they were before
        metrics["most_popular"] = most_popular(learnt, "test", protocol, TOP_N).means()
    if hasattr(checkpoint.model, "score_triples") and len(dataset.triples["test"]):
        ranks = evaluate_completion(checkpoint.model, dataset.triples["test"], dataset.settled, device)
        metrics["completion"] = ranks.means(TOP_N, protocol.first_rank)
    return metrics


def source_of_probabilities(
    checkpoint: Checkpoint, directory: Path, dataset: IndexedDataset, source: Path | None
) -> Checkpoint:
    """Give the checkpoint on which probabilities are fitted, which must not have learnt from the validation facts.

    Raises:
        ReleaseError: it did, or none is named for one that did, or it is of another data set or another model.
        CheckpointError: the checkpoint `source` is not sound.
    """
    if source is None and learnt_validation_facts(checkpoint.manifest):
        raise ReleaseError(
            f"{directory} learnt from the validation facts, on which probabilities are fitted; "
            "name the checkpoint it came from by --probabilities-of"
        )
    fitted = checkpoint if source is None else load_checkpoint(source)
    if learnt_validation_facts(fitted.manifest):
        raise ReleaseError(f"--probabilities-of {source}: it learnt from the validation facts, too")
    if fitted.manifest["model"] != checkpoint.manifest["model"]:
        raise ReleaseError(f"--probabilities-of {source}: its model is not that of {directory}")
    _check_data(fitted, dataset)
    return fitted


def calibrated(
    checkpoint: Checkpoint, dataset: IndexedDataset, metrics: dict[str, Any], fitted: Checkpoint | None = None
) -> Calibration | None:
    """Fit probabilities on the validation facts; how they hold on the test facts joins `metrics`.

    `fitted` is the checkpoint they are fitted on, where the one that they are for learnt from the validation facts.
    None where there are too few validation facts to fit anything, or the model does not score facts.
    """
    if not hasattr(checkpoint.model, "score_triples"):
        return None
    settings, model = _trained_with(checkpoint)["completion"], checkpoint.model.to("cpu", torch.float64)
    scorer = model if fitted is None else fitted.model.to("cpu", torch.float64)
    calibration = calibrate(scorer, dataset, 1.0 if settings["loss"] == "margin" else settings["sharpness"])
    if calibration is not None and "completion" in metrics:
        metrics["completion"]["calibration"] = measure(model, calibration, dataset)
    return calibration


def candidate_recall(model: Any, index: Index, dataset: IndexedDataset) -> CandidateRecall:
    """Choose how many items an index that proves nothing looks at, and measure what that finds, on other users.

    `nominate` doubles until RECALL_TARGET of the true first 10 of CALIBRATION_USERS is found; the figure reported is
    then measured on up to MEASURED_USERS users who took no part in the choice, where there are such. Where the index
    proves its answers, there is nothing to choose; it is held against brute force all the same, for fewer users where
    that takes seconds for each.
    """
    users = np.random.default_rng(0).permutation(len(dataset.users))
    chosen, rest = users[:CALIBRATION_USERS], users[CALIBRATION_USERS:]
    measured = (rest if len(rest) else chosen)[:MEASURED_USERS]
    seen = RowLists.of_pairs(dataset.interactions["train"], len(dataset.users))
    nominate = min(4 * TOP_N, len(dataset.items))
    if index.proves(model.config.strategy):
        measured = measured if len(dataset.items) <= SCANNED else measured[:BRUTE_FORCE_USERS]
        return measure_recall(Searcher(model, index, nominate), seen, measured, nominate)
    true = true_lists(model, index, seen, chosen)
    while nominate < len(dataset.items):
        if measure_recall(Searcher(model, index, nominate), seen, chosen, nominate, true).recall >= RECALL_TARGET:
            break
        nominate = min(2 * nominate, len(dataset.items))
    true = true_lists(model, index, seen, measured)
    return measure_recall(Searcher(model, index, nominate), seen, measured, nominate, true)


def true_lists(model: Any, index: Index, seen: RowLists, users: Rows) -> list[Rows]:
    """Give the exact first 10 item rows of each of (B,) users, by a scan of all items at once."""
    scan = Searcher(model, ItemScan.build(model, index.shape.items_hash), 0)
    return [ranking.rows for ranking in scan.search_many(users, TOP_N, [seen[user] for user in users.tolist()])]


def measure_recall(
    searcher: Searcher, seen: RowLists, users: Rows, nominate: int = 0, true: Sequence[Rows] | None = None
) -> CandidateRecall:
    """Hold the index against the true lists of (B,) user rows; None stands for brute force."""
    shares, identical = [], 0
    for k, user in enumerate(users.tolist()):
        found = searcher.search(user, TOP_N, seen[user]).rows
        expected = searcher.brute_force(user, TOP_N, seen[user]).rows if true is None else true[k]
        shares.append(len(np.intersect1d(found, expected)) / len(expected) if len(expected) else 1.0)
        identical += int(np.array_equal(found, expected))
    return CandidateRecall(nominate, len(users), float(np.mean(shares)), identical / len(users))


def calibration_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give as (name, value) lines for people how probabilities of missing facts held, and how the softmax alone did."""
    found = metrics.get("completion", {}).get("calibration")
    if not found or not found["candidates"]:
        return []
    errors, briers = (
        [found[when][name] for when in ("after", "before")] for name in ("expected_calibration_error", "brier")
    )
    return [
        ("completion calibration error", "{:.2%} (softmax alone: {:.2%})".format(*errors).replace("%", " %")),
        ("completion brier score", "{:.4f} (softmax alone: {:.4f})".format(*briers)),
        ("completion facts among candidates", "{positives:,} of {candidates:,}".format_map(found)),
    ]
