"""From pairs that were tried to the figures that are told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from training.audit.pairs import Examined
from training.audit.statistics import entropy, signed_rank
from training.data.indexed import IndexedDataset

Figures = dict[str, Any]


def summarise(examined: Sequence[Examined], dataset: IndexedDataset) -> Figures:
    """Give the figures of at least one pair; shares are of all pairs where nothing else is said."""
    if not examined:
        raise ValueError("there is no pair to report")
    return {
        "pairs": len(examined),
        "grounded": _share(one.reason.grounded for one in examined),
        "stable": _share(one.stable for one in examined),
        "rebuilt_error": max(abs(one.reason.rebuilt - one.reason.place.score) for one in examined),
        "masking": _masking(examined),
        "sufficiency": _sufficiency(examined),
        "evidence": _evidence(examined),
        "leaving_out": _leaving_out(examined),
        "counterfactual": _counterfactual(examined),
        "relations": _relations(examined, dataset),
    }


def _share(of: Any) -> float:
    return float(np.mean([bool(value) for value in of]))


def _compared(named: Sequence[float], random: Sequence[float]) -> Figures:
    """Hold the one against the other, pair by pair."""
    test = signed_rank([a - b for a, b in zip(named, random, strict=True)])
    medians = {"named_median": float(np.median(named)), "random_median": float(np.median(random))}
    means = {"named_mean": float(np.mean(named)), "random_mean": float(np.mean(random))}
    return {**means, **medians, "test": asdict(test)}


def _masking(examined: Sequence[Examined]) -> Figures:
    """By how much rank and score fall: the named preference masked, against a random other one."""
    reasons = [one.reason for one in examined]
    rank = [[w.rank - r.place.rank for r, w in zip(reasons, part, strict=True)] for part in _withouts(examined)]
    score = [[r.place.score - w.score for r, w in zip(reasons, part, strict=True)] for part in _withouts(examined)]
    return {"rank_drop": _compared(*rank), "score_drop": _compared(*score)}


def _withouts(examined: Sequence[Examined]) -> tuple[list[Any], list[Any]]:
    return [one.reason.without for one in examined], [one.random_without for one in examined]


def _sufficiency(examined: Sequence[Examined]) -> Figures:
    """Where items stand by one preference alone: the named one, against a random other one."""
    named, random = [one.reason.only.rank for one in examined], [one.random_only.rank for one in examined]
    in_list = {"named_in_list": _share(rank <= 10 for rank in named)}
    return {**_compared(named, random), **in_list, "random_in_list": _share(rank <= 10 for rank in random)}


def _evidence(examined: Sequence[Examined]) -> Figures:
    facts = sum(len(tie.facts) for one in examined for tie in one.reason.cited)
    return {
        "cited_facts": facts,
        "pairs_with_evidence": _share(bool(one.reason.cited) for one in examined),
        "pairs_with_evidence_under_the_named": _share(bool(one.reason.drops) for one in examined),
        "all_stored": _share(one.all_stored for one in examined),
    }


def _leaving_out(examined: Sequence[Examined]) -> Figures | None:
    """By how much the score falls without the cited history item, against a random other one; where one is cited."""
    told = [one for one in examined if one.random_drop is not None and one.reason.tied is not None]
    if not told:
        return None
    cited = [dict(one.reason.drops)[one.reason.tied.history_item] for one in told if one.reason.tied]
    tried = [float(np.mean([drop for _, drop in one.reason.drops])) for one in told]
    random = [one.random_drop for one in told if one.random_drop is not None]
    return {"pairs": len(told), "cited": _compared(cited, random), "mean_of_tried": _compared(tried, random)}


def _counterfactual(examined: Sequence[Examined]) -> Figures:
    """How many were found, of all pairs and of those that stand in the list of the reference; sizes of the sets."""
    found = [one for one in examined if one.reason.remove]
    asked = [one for one in examined if one.reason.missing != "not_in_reference"]
    missing: dict[str, int] = {}
    for one in examined:
        if one.reason.missing is not None:
            missing[one.reason.missing] = missing.get(one.reason.missing, 0) + 1
    sizes = [len(one.reason.remove) for one in found]
    return {
        "found": len(found) / len(examined),
        "in_reference": len(asked) / len(examined),
        "found_in_reference": len(found) / len(asked) if asked else None,
        "verified": _share(one.verified for one in found) if found else None,
        "minimal": _share(one.minimal for one in found) if found else None,
        "missing": dict(sorted(missing.items())),
        "median_size": float(np.median(sizes)) if sizes else None,
        "largest_size": max(sizes, default=None),
    }


def _relations(examined: Sequence[Examined], dataset: IndexedDataset) -> list[Figures]:
    """By named relation, most often named first: how many pairs, and the share that is grounded."""
    by_relation: dict[int, list[Examined]] = {}
    for one in examined:
        by_relation.setdefault(one.reason.named, []).append(one)
    order = sorted(by_relation.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return [
        {
            "relation_id": dataset.relations.id(named),
            "pairs": len(pairs),
            "grounded": _share(one.reason.grounded for one in pairs),
            "with_evidence": _share(bool(one.reason.drops) for one in pairs),
            "mean_share": float(np.mean([one.reason.share for one in pairs])),
        }
        for named, pairs in order
    ]


def spread(first: Mapping[int, int], n_preferences: int, dataset: IndexedDataset) -> Figures:
    """Tell how first relations are spread over people: entropy in bits, of at most log2 P; `first` is by user row."""
    counts = np.bincount(list(first.values()), minlength=n_preferences)
    order = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]]
    return {
        "people": int(counts.sum()),
        "entropy": entropy(counts),
        "most_possible": float(np.log2(n_preferences)),
        "people_by_relation": {dataset.relations.id(k): int(counts[k]) for k in order},
    }
