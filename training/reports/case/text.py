"""The case study as Markdown, and as plain values with the ids of every fact."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote

import polars as pl

from training.data.dataset import Dataset
from training.reports.case.facts import Fact, Tie
from training.reports.case.study import RULE, CaseStudy, Recommended
from training.reports.markdown import listed, number, plain, table
from training.reports.published import name_of

MOST_HISTORY = 25


class Labels:
    """Readable names: title or label of the data set; for an IRI without one, its last part."""

    def __init__(self, dataset: Dataset) -> None:
        self._items = _column(dataset.items, "item_id", "title")
        self._entities = _column(dataset.entities, "entity_id", "label")
        self._relations = _column(dataset.relations, "relation_id", "label")
        # An entity that stands for an item is told by the item's title.
        titled = {entity: self._items[item] for item, entity in dataset.links.iter_rows() if item in self._items}
        self._entities = {**titled, **self._entities}

    def item(self, item_id: str) -> str:
        """Name an item."""
        return self._items.get(item_id) or readable(item_id)

    def entity(self, entity_id: str) -> str:
        """Name an entity."""
        return self._entities.get(entity_id) or readable(entity_id)

    def relation(self, relation_id: str) -> str:
        """Name a relation."""
        return self._relations.get(relation_id) or readable(relation_id)

    def fact(self, fact: Fact) -> str:
        """Spell a fact."""
        head, relation, tail = fact
        return f"{self.entity(head)} — {self.relation(relation)} → {self.entity(tail)}"


def readable(external_id: str) -> str:
    """Give the last part of an IRI in words; another id as it is.

    >>> readable("http://dbpedia.org/resource/Joel_Schumacher"), readable("u1/2")
    ('Joel Schumacher', 'u1/2')
    """
    last = re.search(r"^https?://.*[/#]([^/#]+)[/#]*$", external_id)
    return unquote(last.group(1)).replace("_", " ").strip() if last else external_id


def _column(frame: pl.DataFrame, key: str, value: str) -> dict[str, str]:
    return {name: label for name, label in frame.select(key, value).iter_rows() if label}


def case_text(case: CaseStudy, labels: Labels) -> str:
    """Make the section: who, by which rule, the history, and the list with its facts."""
    history = [plain(labels.item(item)) for item in _told_history(case)]
    more = len(case.history) - len(history)
    relations = [f"{plain(labels.relation(r))} ({number(100 * share, 1)} %)" for r, share in case.relations.items()]
    return "\n\n".join(
        [
            f"User `{case.user_id}` of {name_of(case.system)}, seed {case.seed}: {RULE}. {case.grounded} of "
            f"{len(case.recommended)} reasons are grounded here; all ten are for {case.users_with_ten_grounded} of "
            f"{case.users} users.",
            f"History in training, {len(case.history)} items: {', '.join(history)}{f', and {more} more' * (more > 0)}.",
            f"Relations that weigh most over the history (mean share of the preference weights): {listed(relations)}.",
            _list(case, labels),
            "A reason is *grounded* where a fact that is stored in train ties the item to the history under the "
            "relation that weighed most, and the score falls when the model may not use that relation. “In test” marks "
            "items that the user did meet, and that were held out.",
        ]
    )


def _told_history(case: CaseStudy) -> list[str]:
    """Give the history; of a long one, first what the reasons speak of."""
    spoken = [tie.history_item for item in case.recommended for tie in item.ties]
    return list(dict.fromkeys([*spoken, *case.history]))[: max(MOST_HISTORY, len(set(spoken)))]


def _list(case: CaseStudy, labels: Labels) -> str:
    header = ["Rank", "Recommended", "Relation that weighed most", "Stored facts", "Reason", "In test"]
    rows = [
        [
            str(rank),
            plain(labels.item(item.item_id)),
            f"{plain(labels.relation(item.relation_id))} ({number(100 * item.share, 1)} %)",
            "<br>".join(_facts(tie, labels) for tie in item.ties),
            _reason(item),
            "yes" if item.in_test else "",
        ]
        for rank, item in enumerate(case.recommended, 1)
    ]
    return table(header, rows, left=len(header))


def _reason(item: Recommended) -> str:
    if item.grounded:
        return "grounded"
    return "model only: the score does not fall without it" if item.ties else "model only: no such fact is stored"


def _facts(tie: Tie, labels: Labels) -> str:
    return "; ".join(plain(labels.fact(fact)) for fact in tie.facts)


def case_values(case: CaseStudy) -> Mapping[str, Any]:
    """Give the case as JSON values, with ids alone; `facts` are head, relation, tail."""
    return {**asdict(case), "rule": RULE}
