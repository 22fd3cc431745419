"""From a batch to a loss: what each task asks of a model, and how lambda joins the two."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from models.retrieval.ranking import RowLists
from training import losses
from training.comparisons import Comparison, Facts, Listed, Pairs, Rejections, SharedFacts, SharedPairs
from training.config import CompletionLoss, RecommendationLoss, TrainingConfig
from training.data.indexed import IndexedDataset
from training.induction import InductionTargets, induction_targets
from training.sampling import items as item_sampling
from training.sampling import triples as triple_sampling
from training.sampling.membership import KnownFacts, KnownSet
from training.sampling.rejected import RejectedFacts


@dataclass(frozen=True)
class RecommendationObjective:
    """Teach an ItemScorer to put an item of a user before others, pair by pair; it learns from `rows` (n, 2)."""

    settings: RecommendationLoss
    rows: NDArray[np.int64]
    known: KnownSet
    n_items: int
    induction: InductionTargets | None = None

    @property
    def draws_ahead(self) -> bool:
        """Whether each row has negatives of its own, so that those of many batches can be drawn at once."""
        return self.settings.loss == "bpr"

    def draw(self, pairs: Tensor, generator: Generator) -> Pairs | SharedPairs:
        """Draw what (B, 2) user and item rows are compared with."""
        users, positives = pairs.T.contiguous()
        if self.draws_ahead:
            return Pairs(users, positives, *item_sampling.own_negatives(self.known, users, self.n_items, generator))
        negatives = item_sampling.shared_negatives(self.n_items, self.settings.negatives, generator, users.device)
        return SharedPairs(users, positives, negatives, item_sampling.collisions(self.known, users, negatives))

    def loss(self, model: Any, batch: Pairs | SharedPairs, generator: Generator) -> Tensor:
        """Give the loss of a batch; draws Gumbel noise for hard induction.

        The `penalties` join it, over the positives and negatives of the batch alike.
        """
        items = torch.cat([batch.positives, batch.negatives])
        if isinstance(batch, Pairs):
            scores = model.score_pairs(batch.users.repeat(2), items, generator=generator)
            positive, negative = scores.chunk(2)
            loss = losses.bpr(positive, negative, batch.usable)
        else:
            positive = model.score_pairs(batch.users, batch.positives, generator=generator)
            negative = model.score_items(batch.users, batch.negatives, generator=generator)
            loss = losses.sampled_softmax(positive, negative, batch.excluded, self.settings.sharpness)
        loss = loss + penalties(self.settings, model, items)
        return loss + taught(self.settings, self.induction, model, (batch.users, batch.positives), generator)


@dataclass(frozen=True)
class ListwiseObjective:
    """Teach an ItemScorer to put all items of a user before all others; `rows` (n, 1) are the users who have any.

    `positives` hold each user's training items, `known` the items that are no negatives, which may be more.
    """

    settings: RecommendationLoss
    rows: NDArray[np.int64]
    positives: RowLists
    known: RowLists
    n_items: int
    induction: InductionTargets | None = None

    draws_ahead = False

    def draw(self, rows: Tensor, generator: Generator) -> Listed:
        """Take (B, 1) user rows; what they are compared with is drawn, where it is, with the loss."""
        return Listed(rows[:, 0])

    def loss(self, model: Any, batch: Listed, generator: Generator) -> Tensor:
        """Give the loss of (B,) users.

        Where the catalogue has no more than `negatives` items, all are scored: (B, n_items) numbers at once. Else that
        many are drawn, and the sum over the others is estimated from them.
        """
        users, device, s = batch.users, batch.users.device, self.settings.sharpness
        positions, items = self._pairs(self.positives, users)
        if self.n_items <= self.settings.negatives:
            drawn = torch.arange(self.n_items, device=device)
            scores = s * model.score_items(users, generator=generator)
            positive = scores[positions, items]
            others = scores.index_put(self._pairs(self.known, users), scores.new_tensor(losses.EXCLUDED))
            total = torch.logsumexp(others, dim=1)
        else:
            drawn = item_sampling.shared_negatives(self.n_items, self.settings.negatives, generator, device)
            positive = s * model.score_pairs(users[positions], items, generator=generator)
            total = self._estimate(s * model.score_items(users, drawn, generator=generator), users, drawn)
        counts = torch.bincount(positions, minlength=len(users))[positions].to(positive.dtype)
        loss = losses.listwise(positive, total[positions], counts**-self.settings.user_balance)
        loss = loss + penalties(self.settings, model, torch.cat([items, drawn]))
        return loss + taught(self.settings, self.induction, model, (users[positions], items), generator)

    def _estimate(self, scores: Tensor, users: Tensor, drawn: Tensor) -> Tensor:
        """Estimate log sum exp over a user's negatives from (B, K) drawn ones: their mean, times how many there are."""
        known = torch.zeros(len(users), self.n_items, dtype=torch.bool, device=users.device)
        known[self._pairs(self.known, users)] = True
        usable = ~known[:, drawn]
        all_negatives, of_drawn = (~known).sum(1), usable.sum(1).clamp_min(1)
        scores = scores.masked_fill(~usable, losses.EXCLUDED)
        return torch.logsumexp(scores, dim=1) + (all_negatives / of_drawn).clamp_min(1.0).log()

    def _pairs(self, lists: RowLists, users: Tensor) -> tuple[Tensor, Tensor]:
        positions, columns = lists.pairs_of(users.cpu().numpy())
        return torch.from_numpy(positions).to(users.device), torch.from_numpy(columns).to(users.device)


def penalties(settings: RecommendationLoss, model: Any, items: Tensor) -> Tensor:
    """Give what the objective adds for the model itself: its own regulariser over `items`, orthogonality of its space.

    The orthogonality is that of its own preferences (of KTUP: p and w_p, without the relations).
    """
    total = torch.zeros((), device=items.device)
    if hasattr(model, "regulariser"):
        total = total + settings.regulariser_weight * model.regulariser(items)
    if settings.orthogonality_weight and hasattr(model, "space"):
        orthogonality = losses.orthogonality(model.preferences, model.preference_normals)
        total = total + settings.orthogonality_weight * orthogonality
    return total


TAUGHT_PAIRS = 2048
"""Most pairs of a batch that are taught what they induce; drawn where there are more."""


def taught(
    settings: RecommendationLoss,
    targets: InductionTargets | None,
    model: Any,
    pairs: tuple[Tensor, Tensor],
    generator: Generator,
) -> Tensor | float:
    """Give the weighted losses of what training pairs induce and what it carries, or 0 where nothing is taught.

    Necessity: a pair must score better with what it induces than with the first preference of that left out; this
    moves vectors, not the induction itself.
    """
    if targets is None:
        return 0.0
    users, items = pairs
    if len(users) > TAUGHT_PAIRS:
        chosen = torch.randint(len(users), (TAUGHT_PAIRS,), generator=generator, device=users.device)
        users, items = users[chosen], items[chosen]
    space, u, i = model.space, model.user_vectors(users), model.item_vectors(items)
    logits = space.logits(u, i)
    loss = settings.induction_weight * targets.loss(logits / space.temperature, users, items)
    if settings.necessity_weight and logits.shape[-1] > 1:  # without its only preference a pair would have none
        held = logits.detach()
        first = functional.one_hot(held.argmax(-1), held.shape[-1]).bool()
        without = space.pair_distances(u, i, space.induce(held.masked_fill(first, float("-inf"))))
        gained = without - space.pair_distances(u, i, space.induce(held))
        loss = loss + settings.necessity_weight * functional.softplus(-settings.sharpness * gained).mean()
    return loss


@dataclass(frozen=True)
class CompletionObjective:
    """Teach a TripleScorer to put facts before what is none; `rows` (n, 3) are what it learns from.

    Facts that people rejected join every batch, each as one more row, compared with a fact of the same relation.
    """

    settings: CompletionLoss
    rows: NDArray[np.int64]
    known: KnownSet
    known_facts: KnownFacts
    n_entities: int
    rejected: RejectedFacts | None = None

    @property
    def draws_ahead(self) -> bool:
        """Whether each row has a corruption of its own, so that those of many batches can be drawn at once."""
        return self.settings.loss == "margin"

    def draw(self, triples: Tensor, generator: Generator) -> Facts | SharedFacts:
        """Draw what (B, 3) head, relation, tail rows are compared with."""
        rejections = self.rejected.draw(generator) if self.rejected is not None else None
        if self.draws_ahead:
            drawn_ones = triple_sampling.corrupt(self.known, triples, self.n_entities, generator)
            return Facts(triples, *drawn_ones, rejections)
        heads, relations, tails = triples.unbind(1)
        shared = triple_sampling.shared_entities(self.n_entities, self.settings.negatives, generator, triples.device)
        as_tails = self.known_facts.as_tails(heads, relations, shared)
        as_heads = self.known_facts.as_heads(relations, tails, shared)
        return SharedFacts(triples, shared, as_tails, as_heads, rejections)

    def loss(self, model: Any, batch: Facts | SharedFacts, generator: Generator) -> Tensor:
        """Give the loss of a batch; nothing is drawn."""
        loss = self._of_facts(model, batch)
        if batch.rejections is None:
            return loss
        of_rejected = self._of_rejected(model, batch.rejections)
        if self.settings.loss == "margin" and self.settings.reduction == "sum":
            return loss + of_rejected.sum()
        rows = len(batch.triples)
        return (rows * loss + of_rejected.sum()) / (rows + len(of_rejected))

    def _of_rejected(self, model: Any, pairs: Rejections) -> Tensor:
        """Give (R,) losses: the batch's own kind, with the rejected fact for the only negative."""
        false, true = (model.score_triples(*rows.T.contiguous()) for rows in (pairs.false, pairs.true))
        if self.settings.loss == "margin":
            hinged: Tensor = (self.settings.margin + false - true).clamp_min(0.0)
            return hinged
        pairwise: Tensor = functional.softplus(self.settings.sharpness * (false - true))
        return pairwise

    def _of_facts(self, model: Any, batch: Facts | SharedFacts) -> Tensor:
        if isinstance(batch, Facts):
            scores = model.score_triples(*torch.cat([batch.triples, batch.corrupted]).T.contiguous())
            positive, negative = scores.chunk(2)
            loss = losses.margin(positive, negative, batch.usable, self.settings.margin)
            return loss * batch.usable.sum() if self.settings.reduction == "sum" else loss
        heads, relations, tails = batch.triples.unbind(1)
        positive, s = model.score_triples(heads, relations, tails), self.settings.sharpness
        as_tails = model.score_tails(heads, relations, batch.entities)
        as_heads = model.score_heads(relations, tails, batch.entities)
        of_tails = losses.sampled_softmax(positive, as_tails, batch.as_tails, s)
        return (of_tails + losses.sampled_softmax(positive, as_heads, batch.as_heads, s)) / 2


def objectives_of(
    model: Any, config: TrainingConfig, dataset: IndexedDataset, avoid: Sequence[str], device: torch.device
) -> tuple[RecommendationObjective | ListwiseObjective | None, CompletionObjective | None]:
    """Give an objective for each task that the model does; negatives avoid what the splits of `avoid` hold."""
    recommendation: RecommendationObjective | ListwiseObjective | None = None
    completion, n_entities = None, len(dataset.entities)
    if hasattr(model, "score_items"):
        teaches = config.recommendation.induction_weight > 0 and hasattr(model, "space") and hasattr(model, "facts")
        targets = induction_targets(dataset, device) if teaches else None
        recommendation = _recommendation_of(config.recommendation, dataset, avoid, device, targets)
    if hasattr(model, "score_triples"):
        facts = np.concatenate([dataset.triples[split] for split in avoid])
        known = KnownSet(facts, (n_entities, len(dataset.relations), n_entities), device)
        lists = KnownFacts(facts, n_entities, len(dataset.relations))
        train = dataset.triples["train"]
        rejected = RejectedFacts.of(dataset.rejected, train, device)
        completion = CompletionObjective(config.completion, train, known, lists, n_entities, rejected)
    return recommendation, completion


def _recommendation_of(
    settings: RecommendationLoss,
    dataset: IndexedDataset,
    avoid: Sequence[str],
    device: torch.device,
    targets: InductionTargets | None,
) -> RecommendationObjective | ListwiseObjective:
    sizes, train = (len(dataset.users), len(dataset.items)), dataset.interactions["train"]
    pairs = np.concatenate([dataset.interactions[split] for split in avoid])
    if settings.loss != "listwise":
        return RecommendationObjective(settings, train, KnownSet(pairs, sizes, device), sizes[1], targets)
    positives, known = (RowLists.of_pairs(rows, sizes[0]) for rows in (train, pairs))
    return ListwiseObjective(settings, np.unique(train[:, :1], axis=0), positives, known, sizes[1], targets)


BLOCK_ROWS = 1 << 16
"""Rows whose own negatives are drawn at once: few large draws instead of many small ones."""


def drawn(
    objective: Any, passes: Callable[[Tensor, int, Generator], Iterator[Tensor]], batch_size: int, generator: Generator
) -> Iterator[Callable[[], Any]]:
    """Yield calls that give the batches of an objective, in the order of `passes` over its rows.

    Own negatives are drawn for BLOCK_ROWS at once; shared ones by the call, for its batch.
    """
    rows = torch.from_numpy(objective.rows).to(generator.device)
    if not objective.draws_ahead:
        for batch in passes(rows, batch_size, generator):
            yield partial(objective.draw, batch, generator)
        return
    for block in passes(rows, batch_size * max(1, BLOCK_ROWS // batch_size), generator):
        for batch in objective.draw(block, generator).split(batch_size):
            yield partial(_same, batch)


def _same(batch: Comparison) -> Comparison:
    return batch


def joined(recommendation: Tensor | None, completion: Tensor | None, joint_weight: float) -> Tensor:
    """L = lambda L_rec + (1 - lambda) L_kg; a model of one task has only that loss, unweighted."""
    if completion is None:
        assert recommendation is not None
        return recommendation
    if recommendation is None:
        return completion
    return torch.add(joint_weight * recommendation, completion, alpha=1 - joint_weight)
