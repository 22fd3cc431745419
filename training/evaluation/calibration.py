"""Fit the curves of models/retrieval/calibration.py on validation facts; measure them on test facts.

Validation facts are a share c of the facts that training lacks, drawn at random, and which of the other candidates are
facts too is not known to the fit. So what is fitted is the chance that a candidate is a fact *and* in validation,

    c sigma(z);   log likelihood = sum over candidates of  t log(c sigma(z)) + (1 - t) log(1 - c sigma(z)),

(Elkan & Noto, KDD 2008: positives chosen at random), with c = 1 for queries without a stored answer, which are looked
at because their fact was held out. Once validation facts are stored too, the odds that are left are (1 - c) exp(z).
Of the test facts their number alone is used, in c.

Offsets and log slopes of the relations are normal around common ones, so that few facts move them little; a relation
without a validation fact is left out of the fit and has the common ones.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from models.retrieval.answers import Answers
from models.retrieval.calibration import KINDS, Calibration, Curve
from models.retrieval.roles import SIDES, Roles
from training.data.indexed import IndexedDataset
from training.evaluation.candidates import Candidates, shown_candidates
from training.evaluation.reliability import Judged

LEAST_FACTS = 20
"""Validation facts below which nothing is fitted."""
SPREAD = {"offset": 10.0, "offsets": 1.0, "log_slope": 1.0, "log_slopes": 0.5, "levels": 1.0, "tilts": 0.5}
"""Standard deviations of the prior: common offset and log slope, those of relations around them, u and v."""


def calibrate(model: Any, dataset: IndexedDataset, sharpness: float) -> Calibration | None:
    """Fit a calibration for a model that learnt the train split alone; None with fewer than LEAST_FACTS to fit on."""
    n_relations = len(dataset.relations)
    train, valid, test = (dataset.triples[split] for split in ("train", "valid", "test"))
    if len(valid) < LEAST_FACTS:
        return None
    roles, share = Roles.of_triples(train, n_relations), len(valid) / (len(valid) + len(test))
    seen = shown_candidates(model, Answers(train, n_relations), Answers(valid, n_relations), roles, sharpness)
    telling = torch.from_numpy(np.isin(np.arange(n_relations), valid[:, 1]))
    curves = {kind: fit_curve(seen[kind].of(telling[seen[kind].relations]), share, n_relations) for kind in KINDS}
    return Calibration(sharpness, Answers(np.concatenate([train, valid]), n_relations), curves)


def fit_curve(candidates: Candidates, share: float, n_relations: int) -> Curve:
    """Fit a curve to candidates of whose missing facts `share` are labelled; it speaks of the rest.

    Where `share` is 1 there is no rest, and it speaks of facts such as the labelled ones.
    """
    rest = math.log1p(-share) if share < 1 else -math.inf
    others = torch.where(candidates.empty, -math.inf, rest)
    centre = _centre(candidates)
    values, states = _start(n_relations), candidates.states - centre * ~candidates.empty.unsqueeze(1)
    optimiser = torch.optim.LBFGS(values.values(), max_iter=300, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        z = _curve(values).logits(candidates.log_softmax, candidates.relations, states)
        # 1 - c sigma(z) = sigma(-z) (1 + (1 - c) exp(z))
        misfit = -torch.where(candidates.labels, logsigmoid(z), logsigmoid(-z) + softplus(z + others)).sum()
        prior = torch.stack([0.5 * (values[name] / spread).square().sum() for name, spread in SPREAD.items()]).sum()
        total: Tensor = (misfit + prior) / (1 + candidates.labels.sum())
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    fitted = _curve({name: value.detach() for name, value in values.items()})
    return _moved(fitted, centre, rest if share < 1 else 0.0)


def measure(model: Any, calibration: Calibration, dataset: IndexedDataset) -> dict[str, Any] | None:
    """Hold a calibration against the test facts, with train and valid stored; None where there are no test facts.

    The figures are of candidates seen in their role, which is what a completion shows unless told otherwise; `parts`
    has them for each side, for the first of each query, and for candidates not seen in the role. `before` is the
    softmax alone, `after` the calibration.
    """
    n_relations, test = len(dataset.relations), dataset.triples["test"]
    if len(test) == 0:
        return None
    roles = Roles.of_triples(dataset.triples["train"], n_relations)
    seen = shown_candidates(model, calibration.stored, Answers(test, n_relations), roles, calibration.sharpness)
    judged = {kind: _judge(candidates, calibration.curves[kind]) for kind, candidates in seen.items()}
    shown = Judged.all_of([judged[side, True] for side in SIDES])
    parts = {
        "tail": judged["tail", True],
        "head": judged["head", True],
        "first_ten": shown.first(),
        "not_seen_in_role": Judged.all_of([judged[side, False] for side in SIDES]),
    }
    named = {name: part.figures() for name, part in parts.items()}
    return {**shown.figures(), "bins": shown.reliability(), "parts": named}


def _judge(candidates: Candidates, curve: Curve) -> Judged:
    after = curve.logits(candidates.log_softmax, candidates.relations, candidates.states).sigmoid()
    columns = (candidates.log_softmax.exp().clamp_max(1.0), after, candidates.labels, candidates.places)
    return Judged(*(column.numpy() for column in columns))


def _start(n_relations: int) -> dict[str, Tensor]:
    sizes = {"offset": 1, "offsets": n_relations, "log_slope": 1, "log_slopes": n_relations, "levels": 2, "tilts": 2}
    return {name: torch.zeros(size, dtype=torch.float64, requires_grad=True) for name, size in sizes.items()}


def _curve(values: dict[str, Tensor]) -> Curve:
    offsets, log_slopes = values["offset"] + values["offsets"], values["log_slope"] + values["log_slopes"]
    return Curve(offsets, log_slopes, values["levels"], values["tilts"])


def _centre(candidates: Candidates) -> Tensor:
    """Give the mean log share of queries with stored answers, as a (2,) state: the fit goes well around 0 only."""
    shares = candidates.states[~candidates.empty, 0]
    return torch.stack([shares.mean() if len(shares) else torch.zeros((), dtype=torch.float64), shares.new_zeros(())])


def _moved(curve: Curve, centre: Tensor, logit: float) -> Curve:
    """Take states as they are, not around `centre`, and add `logit`, both for queries with stored answers alone."""
    offset, log_slope = logit - curve.levels @ centre, -(curve.tilts @ centre)
    only_empty = torch.tensor([0.0, 1.0], dtype=torch.float64)
    return Curve(
        curve.offsets + offset,
        curve.log_slopes + log_slope,
        curve.levels - offset * only_empty,
        curve.tilts - log_slope * only_empty,
    )
