"""Which rows of its tables a batch touches, and a small model of nothing but those."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from models.interface import Sizes
from training.comparisons import ENTITIES, ITEMS, USERS, Batches, Comparison

VOCABULARY_OF: Mapping[str, str] = {
    "users": USERS,
    "user_biases": USERS,
    "items": ITEMS,
    "item_biases": ITEMS,
    "entities": ENTITIES,
}
"""The tables that have a row for each of a vocabulary; all others are small, or touched as a whole."""


def tables_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """Give a model's tables by name."""
    return {name: parameter for name, parameter in model.named_parameters() if name in VOCABULARY_OF}


class TouchedRows:
    """The rows of users, items and entities that batches touch: outside of them no gradient is other than 0."""

    def __init__(self, model: nn.Module) -> None:
        self.alignment: Tensor | None = getattr(model, "alignment", None)
        self._tables = tables_of(model)
        sizes = {VOCABULARY_OF[name]: len(table) for name, table in self._tables.items()}
        device = next(model.parameters()).device
        self._rows = {vocabulary: _Rows(size, device) for vocabulary, size in sizes.items()}

    def take(self, batches: Batches) -> set[str]:
        """Note the rows of the batches, and the entities that touched items are; give the vocabularies touched."""
        touched: dict[str, list[Tensor]] = {}
        for batch in batches:
            if batch is not None:
                batch.over(lambda vocabulary, rows: _noted(touched, vocabulary, rows))
        if self.alignment is not None and ITEMS in touched:
            entities = self.alignment[torch.cat(touched[ITEMS])]
            touched.setdefault(ENTITIES, []).append(entities[entities >= 0])
        for vocabulary, rows in touched.items():
            self._rows[vocabulary].take(rows)
        return set(touched)

    def of(self, name: str) -> Tensor:
        """Give the (n,) rows of a table that were touched, ascending."""
        return self._rows[VOCABULARY_OF[name]].rows

    def by_table(self, batches: Batches) -> dict[int, Tensor]:
        """Give the rows that batches touch by the `id` of each table that they touch."""
        vocabularies = self.take(batches)
        return {id(t): self.of(name) for name, t in self._tables.items() if VOCABULARY_OF[name] in vocabularies}

    def places(self, vocabulary: str, rows: Tensor) -> Tensor:
        """Tell where among the touched rows of a vocabulary each of the given ones is."""
        return self._rows[vocabulary].places(rows)


class SmallModel:
    """A model of the class of another one. For its tables it has those rows alone that a batch touches."""

    def __init__(self, model: nn.Module) -> None:
        self.touched = TouchedRows(model)
        self.others = {name: p for name, p in model.named_parameters() if name not in VOCABULARY_OF}
        self.model = with_tables(model, {})
        self._empty = tables_of(self.model)

    def touch(self, batches: Batches) -> list[str]:
        """Note what the batches touch; give the names of the tables whose rows the model is to hold."""
        vocabularies = self.touched.take(batches)
        return [name for name in self._empty if VOCABULARY_OF[name] in vocabularies]

    def hold(self, parts: Mapping[str, nn.Parameter]) -> None:
        """Take the touched rows of each table for its tables, and align items with entities among those."""
        for name, part in parts.items():
            setattr(self.model, name, part)
        if self.touched.alignment is not None and "items" in parts:
            aligned = self.touched.alignment[self.touched.of("items")]
            places = self.touched.places(ENTITIES, aligned.clamp_min(0))
            self.model.alignment = torch.where(aligned >= 0, places, -1)

    def let_go(self) -> None:
        """Hold nothing any more."""
        for name, empty in self._empty.items():
            setattr(self.model, name, empty)

    def placed(self, batches: Batches) -> Batches:
        """Give the batches with their rows as this model has them."""
        return self._placed(batches[0]), self._placed(batches[1])

    def _placed(self, batch: Comparison | None) -> Comparison | None:
        return None if batch is None else batch.over(self.touched.places)


class _Rows:
    """Which rows of a vocabulary a batch touches, in ascending order, and where among them each one is."""

    def __init__(self, size: int, device: torch.device) -> None:
        self._marked = torch.zeros(size, dtype=torch.bool, device=device)
        self._places = torch.zeros(size, dtype=torch.int64, device=device)
        self.rows = torch.empty(0, dtype=torch.int64, device=device)

    def take(self, touched: list[Tensor]) -> None:
        for rows in touched:
            self._marked[rows.reshape(-1)] = True
        self.rows = self._marked.nonzero().squeeze(1)
        self._marked[self.rows] = False
        self._places[self.rows] = torch.arange(len(self.rows), device=self.rows.device)

    def places(self, rows: Tensor) -> Tensor:
        return self._places[rows]


def put_rows(whole: Tensor, rows: Tensor, part: Tensor) -> None:
    """Copy rows into a table; on the CPU through numpy, which takes a third of the time."""
    if whole.device.type == "cpu":
        whole.numpy()[rows.numpy()] = part.numpy()
    else:
        whole.index_copy_(0, rows, part)


def _noted(touched: dict[str, list[Tensor]], vocabulary: str, rows: Tensor) -> Tensor:
    touched.setdefault(vocabulary, []).append(rows.reshape(-1))
    return rows


def with_tables(model: Any, tables: Mapping[str, nn.Parameter]) -> Any:
    """Make a model of the same class and settings with other tables, and with everything else of `model`."""
    alignment = torch.full((1,), -1, dtype=torch.int64)
    sizes = Sizes(1, 1, 1, getattr(model, "n_relations", 1), alignment)
    shell: nn.Module = type(model)(model.config, sizes, Generator())
    shell.to(next(model.parameters()).device)
    for name, parameter in model.named_parameters():
        if name not in VOCABULARY_OF:
            setattr(shell, name, parameter)
    for name, table in tables.items():
        setattr(shell, name, table)
    return shell
