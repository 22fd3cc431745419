"""Begin from what simpler models have learnt: their tables, by name, put in place by external id.

    TransH, TransR <- TransE         TUP  <- BPRMF            KTUP <- TUP + TransH
    CKE <- BPRMF + TransR            CoFM <- BPRMF + TransE   CFKG <- BPRMF + TransE

Source: section 6.3 of Cao et al., WWW 2019; KTUP <- TransE, which gives no normals, is ours. A row is found by the id
that it stands for, in the vocabularies of its checkpoint, never by its number. Only the preferences of TUP have no ids:
they are taken in their order, one for each relation of KTUP, as in the paper's own code. What no source gives stays as
it was drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.checkpoint import WEIGHTS, Checkpoint, file_hash, load_checkpoint
from models.completion.transe import TransE
from models.completion.transh import TransH
from models.completion.transr import TransR
from models.joint.cfkg import CFKG
from models.joint.cke import CKE
from models.joint.cofm import CoFM
from models.joint.ktup import KTUP
from models.recommendation.bprmf import BPRMF
from models.recommendation.tup import TUP
from models.vocabulary import Vocabulary
from training.config import TrainingConfig

Names = tuple[str, ...]

_REMEDY = "begin from the checkpoint that validation chose"

PREFERENCES: Names = ("preferences", "preference_normals")
FACTORS: Names = ("users", "items")
FACTS: Names = ("entities", "relations")

GIVES: Mapping[tuple[type[nn.Module], type[nn.Module]], Names] = {
    (TransH, TransE): FACTS,
    (TransR, TransE): FACTS,
    (TUP, BPRMF): FACTORS,
    (KTUP, TUP): (*FACTORS, *PREFERENCES),
    (KTUP, TransH): (*FACTS, "relation_normals"),
    (KTUP, TransE): FACTS,
    (CKE, BPRMF): FACTORS,
    (CKE, TransR): (*FACTS, "relation_matrices"),
    (CoFM, BPRMF): FACTORS,
    (CoFM, TransE): FACTS,
    (CFKG, BPRMF): FACTORS,
    (CFKG, TransE): FACTS,
}
"""(model, source) -> the parameters that the source gives; they have the same names in both."""

VOCABULARY_OF: Mapping[str, str] = {
    **{name: name for name in (*FACTORS, *FACTS)},
    "relation_normals": "relations",
    "relation_matrices": "relations",
}
"""Parameter -> the vocabulary that its rows stand for; preferences stand for none."""


class WarmStartError(Exception):
    """A checkpoint cannot begin this run; the message names the checkpoint and what differs."""


@dataclass(frozen=True)
class _Source:
    directory: Path
    checkpoint: Checkpoint

    def differs(self, what: str) -> WarmStartError:
        return WarmStartError(f"{self.directory}: {what}")


def warm_start(
    model: nn.Module, config: TrainingConfig, vocabularies: Mapping[str, Vocabulary], directories: Sequence[Path]
) -> list[dict[str, Any]]:
    """Put the tables of checkpoints into a new model on the CPU, whose rows stand for the ids of `vocabularies`.

    Nothing is changed unless all of it fits. Rows longer than the model allows are shortened (`constrain_`).

    Returns:
        What a manifest keeps of each checkpoint: model, hash of the weights, epoch, data, whether it is a refit, and
        the same of those that it began from itself; no path.

    Raises:
        WarmStartError: a checkpoint is none for this model, or is a refit that learnt what this run must not, or
            differs in protocol, embedding size, ids or number of preferences, or two give the same parameter.
        CheckpointError: a checkpoint is not sound.
    """
    sources = [_Source(directory, load_checkpoint(directory)) for directory in directories]
    tables: dict[str, Tensor] = {}
    for source in sources:
        for parameter in _given(model, config, source):
            if parameter in tables:
                raise source.differs(f"another warm start gives {parameter!r} already")
            tables[parameter] = _table(model, vocabularies, source, parameter)
    with torch.no_grad():
        for parameter, table in tables.items():
            model.get_parameter(parameter).copy_(table)
    if sources:
        model.constrain_()  # type: ignore[operator]
    return [_record(source) for source in sources]


def _record(source: _Source) -> dict[str, Any]:
    manifest = source.checkpoint.manifest
    kept = {name: manifest.get(name) for name in ("model", "epoch", "dataset", "warm_starts")}
    # Left out where it is none: records of runs that were stopped before are the same.
    refit = {"refit": True} if manifest.get("training", {}).get("refit") else {}
    return {**kept, **refit, "weights": file_hash(source.directory / WEIGHTS)}


def _given(model: nn.Module, config: TrainingConfig, source: _Source) -> Names:
    """Name the parameters that a source gives, once it is known to fit as a whole."""
    there = source.checkpoint
    given = GIVES.get((type(model), type(there.model)))
    if given is None:
        able = [kind.__name__ for target, kind in GIVES if target is type(model)]
        choice = f"it begins from {' and '.join(able)}" if able else "it begins from no other model"
        raise source.differs(f"{config.model_name} cannot begin from {there.model_name}; {choice}")
    # Under the paper's protocol negatives avoid what is in test: its tables know what a strict run must not.
    settings = there.manifest.get("training", {})
    protocol = settings.get("protocol")
    if protocol != config.protocol:
        raise source.differs(f"it was trained under the {protocol} protocol, this run is {config.protocol}")
    # Validation would choose by rows that its tables know, and probabilities be fitted on facts that they know.
    if settings.get("refit") and not config.refit:
        raise source.differs(f"it is a refit and learnt from validation, by which this run is chosen; {_REMEDY}")
    if settings.get("refit_facts") and not config.refit_facts:
        raise source.differs(f"it is a refit that learnt from the validation facts, this one does not; {_REMEDY}")
    theirs, ours = there.model.config.embedding_size, model.config.embedding_size  # type: ignore[union-attr]
    if theirs != ours:
        raise source.differs(f"model.embedding_size is {theirs} there and {ours} here")
    return given


def _table(model: nn.Module, vocabularies: Mapping[str, Vocabulary], source: _Source, parameter: str) -> Tensor:
    """Give a source's table with its rows in the order of the model's."""
    table: Tensor = source.checkpoint.model.get_parameter(parameter).detach()
    if parameter in PREFERENCES:
        expected = len(model.get_parameter(parameter))
        if len(table) != expected:
            raise source.differs(f"model.n_preferences is {len(table)} there; one for each relation is {expected} here")
        return table
    kind = VOCABULARY_OF[parameter]
    ours, theirs = vocabularies[kind], source.checkpoint.vocabularies[kind]
    for ids, others, place in ((ours, theirs, "checkpoint"), (theirs, ours, "data set")):
        missing = [external_id for external_id in ids.ids if external_id not in others]
        if missing:
            counted = f"{len(missing)} of {len(ids)} {kind} are not in the {place}"
            raise source.differs(f"{counted}, {missing[0]!r} the first of them")
    return table[torch.from_numpy(theirs.rows(ours.ids))]
