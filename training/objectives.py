"""From a batch to a loss: what each task asks of a model, and how lambda joins the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from models.retrieval.ranking import RowLists
from training import losses
from training.config import CompletionLoss, RecommendationLoss, TrainingConfig
from training.data.indexed import IndexedDataset
from training.sampling import items as item_sampling
from training.sampling import triples as triple_sampling
from training.sampling.membership import KnownFacts, KnownSet


@dataclass(frozen=True)
class RecommendationObjective:
    """Teach an ItemScorer to put an item of a user before others, pair by pair; it learns from `rows` (n, 2)."""

    settings: RecommendationLoss
    rows: NDArray[np.int64]
    known: KnownSet
    n_items: int

    def loss(self, model: Any, pairs: Tensor, generator: Generator) -> Tensor:
        """Give the loss of (B, 2) user and item rows; draws negatives and, for hard induction, Gumbel noise.

        The `penalties` join it, over the positives and negatives of the batch alike.
        """
        users, positives = pairs[:, 0], pairs[:, 1]
        positive = model.score_pairs(users, positives, generator=generator)
        if self.settings.loss == "bpr":
            negatives, usable = item_sampling.own_negatives(self.known, users, self.n_items, generator)
            loss = losses.bpr(positive, model.score_pairs(users, negatives, generator=generator), usable)
        else:
            negatives = item_sampling.shared_negatives(self.n_items, self.settings.negatives, generator, users.device)
            negative = model.score_items(users, negatives, generator=generator)
            excluded = item_sampling.collisions(self.known, users, negatives)
            loss = losses.sampled_softmax(positive, negative, excluded, self.settings.sharpness)
        return loss + penalties(self.settings, model, torch.cat([positives, negatives]))


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

    def loss(self, model: Any, rows: Tensor, generator: Generator) -> Tensor:
        """Give the loss of (B, 1) user rows.

        Where the catalogue has no more than `negatives` items, all are scored: (B, n_items) numbers at once. Else that
        many are drawn, and the sum over the others is estimated from them.
        """
        users, device, s = rows[:, 0], rows.device, self.settings.sharpness
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
        return loss + penalties(self.settings, model, torch.cat([items, drawn]))

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


@dataclass(frozen=True)
class CompletionObjective:
    """Teach a TripleScorer to put facts before what is none; `rows` (n, 3) are what it learns from."""

    settings: CompletionLoss
    rows: NDArray[np.int64]
    known: KnownSet
    known_facts: KnownFacts
    n_entities: int

    def loss(self, model: Any, triples: Tensor, generator: Generator) -> Tensor:
        """Give the loss of (B, 3) head, relation, tail rows."""
        heads, relations, tails = triples.unbind(1)
        positive = model.score_triples(heads, relations, tails)
        if self.settings.loss == "margin":
            corrupted, usable = triple_sampling.corrupt(self.known, triples, self.n_entities, generator)
            loss = losses.margin(positive, model.score_triples(*corrupted.unbind(1)), usable, self.settings.margin)
            return loss * usable.sum() if self.settings.reduction == "sum" else loss
        shared = triple_sampling.shared_entities(self.n_entities, self.settings.negatives, generator, triples.device)
        as_tails = self.known_facts.as_tails(heads, relations, shared)
        as_heads = self.known_facts.as_heads(relations, tails, shared)
        s = self.settings.sharpness
        of_tails = losses.sampled_softmax(positive, model.score_tails(heads, relations, shared), as_tails, s)
        of_heads = losses.sampled_softmax(positive, model.score_heads(relations, tails, shared), as_heads, s)
        return (of_tails + of_heads) / 2


def objectives_of(
    model: Any, config: TrainingConfig, dataset: IndexedDataset, avoid: Sequence[str], device: torch.device
) -> tuple[RecommendationObjective | ListwiseObjective | None, CompletionObjective | None]:
    """Give an objective for each task that the model does; negatives avoid what the splits of `avoid` hold."""
    recommendation: RecommendationObjective | ListwiseObjective | None = None
    completion, n_entities = None, len(dataset.entities)
    if hasattr(model, "score_items"):
        recommendation = _recommendation_of(config.recommendation, dataset, avoid, device)
    if hasattr(model, "score_triples"):
        facts = np.concatenate([dataset.triples[split] for split in avoid])
        known = KnownSet(facts, (n_entities, len(dataset.relations), n_entities), device)
        lists = KnownFacts(facts, n_entities, len(dataset.relations))
        completion = CompletionObjective(config.completion, dataset.triples["train"], known, lists, n_entities)
    return recommendation, completion


def _recommendation_of(
    settings: RecommendationLoss, dataset: IndexedDataset, avoid: Sequence[str], device: torch.device
) -> RecommendationObjective | ListwiseObjective:
    sizes, train = (len(dataset.users), len(dataset.items)), dataset.interactions["train"]
    pairs = np.concatenate([dataset.interactions[split] for split in avoid])
    if settings.loss != "listwise":
        return RecommendationObjective(settings, train, KnownSet(pairs, sizes, device), sizes[1])
    positives, known = (RowLists.of_pairs(rows, sizes[0]) for rows in (train, pairs))
    return ListwiseObjective(settings, np.unique(train[:, :1], axis=0), positives, known, sizes[1])


def joined(recommendation: Tensor | None, completion: Tensor | None, joint_weight: float) -> Tensor:
    """L = lambda L_rec + (1 - lambda) L_kg; a model of one task has only that loss, unweighted."""
    if completion is None:
        assert recommendation is not None
        return recommendation
    if recommendation is None:
        return completion
    return torch.add(joint_weight * recommendation, completion, alpha=1 - joint_weight)
