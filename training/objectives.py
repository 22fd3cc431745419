"""From a batch to a loss: what each task asks of a model, and how lambda joins the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from training import losses
from training.config import CompletionLoss, RecommendationLoss, TrainingConfig
from training.data.indexed import IndexedDataset
from training.sampling import items as item_sampling
from training.sampling import triples as triple_sampling
from training.sampling.membership import KnownSet


@dataclass(frozen=True)
class RecommendationObjective:
    """Teach an ItemScorer to put a user's items before others."""

    settings: RecommendationLoss
    known: KnownSet
    n_items: int

    def loss(self, model: Any, pairs: Tensor, generator: Generator) -> Tensor:
        """Give the loss of (B, 2) user and item rows; draws negatives and, for hard induction, Gumbel noise.

        A model's own `regulariser` joins it, over the positives and negatives of the batch alike, and the orthogonality
        of its own preferences (of KTUP: p and w_p, without the relations).
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
        if hasattr(model, "regulariser"):
            penalty = model.regulariser(torch.cat([positives, negatives]))
            loss = loss + self.settings.regulariser_weight * penalty
        if self.settings.orthogonality_weight and hasattr(model, "space"):
            penalty = losses.orthogonality(model.preferences, model.preference_normals)
            loss = loss + self.settings.orthogonality_weight * penalty
        return loss


@dataclass(frozen=True)
class CompletionObjective:
    """Teach a TripleScorer to put facts before what is none."""

    settings: CompletionLoss
    known: KnownSet
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
        columns = (heads.unsqueeze(1), relations.unsqueeze(1), tails.unsqueeze(1))
        as_tails = self.known.contains(columns[0], columns[1], shared.unsqueeze(0))
        as_heads = self.known.contains(shared.unsqueeze(0), columns[1], columns[2])
        s = self.settings.sharpness
        of_tails = losses.sampled_softmax(positive, model.score_tails(heads, relations, shared), as_tails, s)
        of_heads = losses.sampled_softmax(positive, model.score_heads(relations, tails, shared), as_heads, s)
        return (of_tails + of_heads) / 2


def objectives_of(
    model: Any, config: TrainingConfig, dataset: IndexedDataset, avoid: Sequence[str], device: torch.device
) -> tuple[RecommendationObjective | None, CompletionObjective | None]:
    """Give an objective for each task that the model does; negatives avoid what the splits of `avoid` hold."""
    recommendation, completion, n_entities = None, None, len(dataset.entities)
    if hasattr(model, "score_items"):
        pairs = np.concatenate([dataset.interactions[split] for split in avoid])
        known = KnownSet(pairs, (len(dataset.users), len(dataset.items)), device)
        recommendation = RecommendationObjective(config.recommendation, known, len(dataset.items))
    if hasattr(model, "score_triples"):
        facts = np.concatenate([dataset.triples[split] for split in avoid])
        known = KnownSet(facts, (n_entities, len(dataset.relations), n_entities), device)
        completion = CompletionObjective(config.completion, known, n_entities)
    return recommendation, completion


def joined(recommendation: Tensor | None, completion: Tensor | None, joint_weight: float) -> Tensor:
    """L = lambda L_rec + (1 - lambda) L_kg; a model of one task has only that loss, unweighted."""
    if completion is None:
        assert recommendation is not None
        return recommendation
    if recommendation is None:
        return completion
    return torch.add(joint_weight * recommendation, completion, alpha=1 - joint_weight)
