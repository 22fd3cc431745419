"""From a batch to a loss: what each task asks of a model, and how lambda joins the two.

Batches are drawn alike by all processes that train together. Each gives the loss of its own rows, by its `share`.
`ids`, where it is given, is the batch as it was drawn, while `batch` has its rows in those of a smaller model.
"""

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
from training.distributed.held import HeldShards, KnownOfAll, ListsOfAll
from training.induction import InductionTargets, induction_targets
from training.sampling import items as item_sampling
from training.sampling import triples as triple_sampling
from training.sampling.membership import KnownFacts, KnownSet
from training.sampling.rejected import RejectedFacts
from training.shares import WHOLE, Share
from training.teaching import TaughtPairs, penalties, taught


@dataclass(frozen=True)
class RecommendationObjective:
    """Teach an ItemScorer to put an item of a user before others, pair by pair; it learns from `rows` (n, 2)."""

    settings: RecommendationLoss
    rows: NDArray[np.int64]
    known: KnownSet | KnownOfAll
    n_items: int
    induction: InductionTargets | None = None
    share: Share = WHOLE

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
        return SharedPairs(users, positives, negatives, self._collisions(users, negatives))

    def _collisions(self, users: Tensor, negatives: Tensor) -> Tensor:
        """Tell which of the negatives are known of this share's users."""
        mine = self.share.rows(len(users))
        if isinstance(self.known, KnownOfAll):
            return self.known.grid(users, negatives)[mine]
        return item_sampling.collisions(self.known, users[mine], negatives)

    def loss(
        self, model: Any, batch: Pairs | SharedPairs, generator: Generator, ids: Pairs | SharedPairs | None = None
    ) -> Tensor:
        """Give the loss of a batch; draws Gumbel noise for hard induction.

        The `penalties` join it, over the positives and negatives of the batch alike.
        """
        share, of, ids = self.share, len(batch.users), ids or batch
        mine = share.rows(of)
        users, positives = batch.users[mine], batch.positives[mine]
        if isinstance(batch, Pairs):
            items, noise = torch.cat([positives, batch.negatives[mine]]), share.noise(generator, mine, of, repeats=2)
            positive, negative = model.score_pairs(users.repeat(2), items, generator=noise).chunk(2)
            loss = losses.bpr(positive, negative, batch.usable[mine], share)
        else:
            noise = share.noise(generator, mine, of)
            positive = model.score_pairs(users, positives, generator=noise)
            negative = model.score_items(users, batch.negatives, generator=noise)
            loss = losses.sampled_softmax(positive, negative, batch.excluded, self.settings.sharpness, share)
        loss = loss + penalties(self.settings, model, (batch.positives, batch.negatives), share)
        pairs = TaughtPairs(batch.users, batch.positives, ids.users, ids.positives)
        return loss + taught(self.settings, self.induction, model, pairs, generator, share)


@dataclass(frozen=True)
class ListwiseObjective:
    """Teach an ItemScorer to put all items of a user before all others; `rows` (n, 1) are the users who have any.

    `positives` hold each user's training items, `known` the items that are no negatives, which may be more.
    """

    settings: RecommendationLoss
    rows: NDArray[np.int64]
    positives: RowLists | ListsOfAll
    known: RowLists | ListsOfAll
    n_items: int
    induction: InductionTargets | None = None
    share: Share = WHOLE

    draws_ahead = False

    def draw(self, rows: Tensor, generator: Generator) -> Listed:
        """Take (B, 1) user rows; what they are compared with is drawn, where it is, with the loss."""
        return Listed(rows[:, 0], self.n_items)

    def loss(self, model: Any, batch: Listed, generator: Generator, ids: Listed | None = None) -> Tensor:
        """Give the loss of (B,) users.

        Where the catalogue has no more than `negatives` items, all are scored: (B, n_items) numbers at once. Else that
        many are drawn, and the sum over the others is estimated from them.
        """
        share, s, known_as = self.share, self.settings.sharpness, (ids or batch).users
        all_positions, all_items = self._pairs(self.positives, known_as)
        mine = share.rows(len(known_as))
        pairs = _within(all_positions, mine) if share.of > 1 else slice(0, len(all_items))
        users, known = batch.users[mine], self._known_of(known_as, mine)
        positions, items = all_positions[pairs] - mine.start, all_items[pairs]
        noise = share.noise(generator, mine, len(batch.users))
        if self.n_items <= self.settings.negatives:
            drawn = torch.arange(self.n_items, device=users.device)
            scores = s * model.score_items(users, generator=noise)
            positive = scores[positions, items]
            others = scores.index_put(known, scores.new_tensor(losses.EXCLUDED))
            total = torch.logsumexp(others, dim=1)
        else:
            drawn = item_sampling.shared_negatives(self.n_items, self.settings.negatives, generator, users.device)
            noise_of_pairs = share.noise(generator, pairs, len(all_items))
            positive = s * model.score_pairs(users[positions], items, generator=noise_of_pairs)
            total = self._estimate(s * model.score_items(users, drawn, generator=noise), known, drawn)
        counts = torch.bincount(positions, minlength=len(users))[positions].to(positive.dtype)
        loss = losses.listwise(positive, total[positions], counts**-self.settings.user_balance, share)
        loss = loss + penalties(self.settings, model, (all_items, drawn), share)
        taught_pairs = TaughtPairs(
            batch.users[all_positions], all_items, (ids or batch).users[all_positions], all_items
        )
        return loss + taught(self.settings, self.induction, model, taught_pairs, generator, share)

    def _known_of(self, users: Tensor, mine: slice) -> tuple[Tensor, Tensor]:
        """Give (position in `mine`, item) of what is no negative of this share's users."""
        if isinstance(self.known, RowLists):
            return self._pairs(self.known, users[mine])
        positions, items = self._pairs(self.known, users)
        pairs = _within(positions, mine)
        return positions[pairs] - mine.start, items[pairs]

    def _estimate(self, scores: Tensor, known_pairs: tuple[Tensor, Tensor], drawn: Tensor) -> Tensor:
        """Estimate log sum exp over a user's negatives from (B, K) drawn ones: their mean, times how many there are."""
        known = torch.zeros(len(scores), self.n_items, dtype=torch.bool, device=scores.device)
        known[known_pairs] = True
        usable = ~known[:, drawn]
        all_negatives, of_drawn = (~known).sum(1), usable.sum(1).clamp_min(1)
        scores = scores.masked_fill(~usable, losses.EXCLUDED)
        return torch.logsumexp(scores, dim=1) + (all_negatives / of_drawn).clamp_min(1.0).log()

    def _pairs(self, lists: RowLists | ListsOfAll, users: Tensor) -> tuple[Tensor, Tensor]:
        positions, columns = lists.pairs_of(users.cpu().numpy())
        return torch.from_numpy(positions).to(users.device), torch.from_numpy(columns).to(users.device)


def _within(positions: Tensor, rows: slice) -> slice:
    """Find which of the ascending (n,) positions lie in a range of rows."""
    edges = torch.tensor([rows.start, rows.stop], device=positions.device)
    return slice(*torch.searchsorted(positions, edges).tolist())


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
    share: Share = WHOLE

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
        mine = self.share.rows(len(triples))
        as_tails = self.known_facts.as_tails(heads[mine], relations[mine], shared)
        as_heads = self.known_facts.as_heads(relations[mine], tails[mine], shared)
        return SharedFacts(triples, shared, as_tails, as_heads, rejections)

    def loss(
        self,
        model: Any,
        batch: Facts | SharedFacts,
        generator: Generator,
        ids: Facts | SharedFacts | None = None,
    ) -> Tensor:
        """Give the loss of a batch; nothing is drawn, and nothing depends on which entities its rows are."""
        loss = self._of_facts(model, batch)
        if batch.rejections is None:
            return loss
        of_rejected = self._of_rejected(model, batch.rejections)
        if self.settings.loss == "margin" and self.settings.reduction == "sum":
            return loss + of_rejected.sum()
        rows = len(batch.triples)
        return (rows * loss + of_rejected.sum()) / (rows + len(batch.rejections.false))

    def _of_rejected(self, model: Any, pairs: Rejections) -> Tensor:
        """Give losses of this share's rejected facts: the batch's own kind, with such a fact for the only negative."""
        mine = self.share.rows(len(pairs.false))
        false, true = (model.score_triples(*rows[mine].T.contiguous()) for rows in (pairs.false, pairs.true))
        if self.settings.loss == "margin":
            hinged: Tensor = (self.settings.margin + false - true).clamp_min(0.0)
            return hinged
        pairwise: Tensor = functional.softplus(self.settings.sharpness * (false - true))
        return pairwise

    def _of_facts(self, model: Any, batch: Facts | SharedFacts) -> Tensor:
        share, mine = self.share, self.share.rows(len(batch.triples))
        triples = batch.triples[mine]
        if isinstance(batch, Facts):
            usable = batch.usable[mine]
            scores = model.score_triples(*torch.cat([triples, batch.corrupted[mine]]).T.contiguous())
            positive, negative = scores.chunk(2)
            loss = losses.margin(positive, negative, usable, self.settings.margin, share)
            return loss * batch.usable.sum() if self.settings.reduction == "sum" else loss
        heads, relations, tails = triples.unbind(1)
        positive, s = model.score_triples(heads, relations, tails), self.settings.sharpness
        as_tails = model.score_tails(heads, relations, batch.entities)
        as_heads = model.score_heads(relations, tails, batch.entities)
        of_tails = losses.sampled_softmax(positive, as_tails, batch.as_tails, s, share)
        return (of_tails + losses.sampled_softmax(positive, as_heads, batch.as_heads, s, share)) / 2


def objectives_of(
    model: Any,
    config: TrainingConfig,
    dataset: IndexedDataset,
    avoid: Sequence[str],
    device: torch.device,
    share: Share = WHOLE,
    held: HeldShards | None = None,
) -> tuple[RecommendationObjective | ListwiseObjective | None, CompletionObjective | None]:
    """Give an objective for each task that the model does; negatives avoid what the splits of `avoid` hold.

    With `held` the data set has the interactions of that alone, and all processes are asked for those of others.
    """
    held = held if held is not None and held.apart else None
    asked = (held.popularity, held.total) if held is not None else ()
    recommendation: RecommendationObjective | ListwiseObjective | None = None
    completion, n_entities = None, len(dataset.entities)
    if hasattr(model, "score_items"):
        teaches = config.recommendation.induction_weight > 0 and hasattr(model, "space") and hasattr(model, "facts")
        targets = induction_targets(dataset, device, *asked) if teaches else None
        recommendation = _recommendation_of(config.recommendation, dataset, avoid, device, targets, share, held)
    if hasattr(model, "score_triples"):
        facts = np.concatenate([dataset.triples[split] for split in avoid])
        known = KnownSet(facts, (n_entities, len(dataset.relations), n_entities), device)
        lists = KnownFacts(facts, n_entities, len(dataset.relations))
        train = dataset.triples["train"]
        rejected = RejectedFacts.of(dataset.rejected, train, device)
        completion = CompletionObjective(config.completion, train, known, lists, n_entities, rejected, share)
    return recommendation, completion


def _recommendation_of(
    settings: RecommendationLoss,
    dataset: IndexedDataset,
    avoid: Sequence[str],
    device: torch.device,
    targets: InductionTargets | None,
    share: Share,
    held: HeldShards | None,
) -> RecommendationObjective | ListwiseObjective:
    sizes, train = (len(dataset.users), len(dataset.items)), dataset.interactions["train"]
    pairs = np.concatenate([dataset.interactions[split] for split in avoid])
    if settings.loss != "listwise":
        known_set = held.known(pairs, sizes[1], device) if held else KnownSet(pairs, sizes, device)
        return RecommendationObjective(settings, train, known_set, sizes[1], targets, share)
    positives, known = (held.lists(rows) if held else RowLists.of_pairs(rows, sizes[0]) for rows in (train, pairs))
    return ListwiseObjective(settings, np.unique(train[:, :1], axis=0), positives, known, sizes[1], targets, share)


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
