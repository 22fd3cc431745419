"""What becomes of the statements of a graph: triples, labels, kept literals, and a reason for each of the others."""

import polars as pl

from training.data.ledger import ORIGIN, ORIGIN_TYPES, Ledger
from training.data.readers.base import ReadOptions, no_triples
from training.data.readers.graphs.freebase import in_short
from training.data.readers.graphs.rdf.statements import QUOTED

LABELS = (
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://schema.org/name",
    "https://schema.org/name",
    "http://xmlns.com/foaf/0.1/name",
    "type.object.name",  # of Freebase, in short
)
LANGUAGE = "en"
RARE = "literal of a predicate that is not among the 25 most frequent"
ANOTHER, OF_NOTHING = "label, but another one is kept", "label of nothing in the graph"

_SHOWN = 25
_TRIPLE = ("head", "relation", "tail")


class Statements:
    """Takes the statements of all files of a source, piece by piece; keeps the labels for the end."""

    def __init__(self, options: ReadOptions, ledger: Ledger, expected: str) -> None:
        self._ledger, self._expected = ledger, expected
        kept = pl.DataFrame({"iri": sorted(options.keep_literals)}, schema={"iri": pl.String})
        self._kept = kept.select(in_short("iri"))["iri"]
        self._language = (options.language or LANGUAGE).lower()
        self._labels = [no_triples().select(*ORIGIN, id="head", label="tail", rank=pl.lit(0, dtype=pl.Int64)).clear()]
        self._skipped = [no_triples().select(*ORIGIN, pl.col("relation").cast(pl.Categorical))]

    def triples(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give the triples of a piece: `_file`, `_line`, head, relation, tail; everything else is entered or put aside.

        Args:
            rows: as in `statements.STATEMENT`, with `_file` and `_line`.
        """
        rows = self._sound(rows).with_columns(in_short(column) for column in _TRIPLE)
        to_node = rows["literal"].is_null()
        found, literals = rows.filter(to_node).select(*ORIGIN, *_TRIPLE), rows.filter(~to_node)
        if literals.is_empty():
            return found
        wanted = literals["relation"].is_in(self._kept.implode())
        skipped = self._without_labels(literals.filter(~wanted))
        self._skipped.append(skipped.select(*ORIGIN, pl.col("relation").cast(pl.Categorical)))
        return pl.concat([found, self._as_nodes(literals.filter(wanted))])

    def labels(self, entities: pl.Series, relations: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give the labels of what the graph holds, as `entity_id`, `label` and `relation_id`, `label`.

        A graph of nothing but labels gives them all, as labels of entities.
        """
        rows = pl.concat(self._labels).sort("rank", maintain_order=True)
        if len(entities):
            rows = self._keep(rows, rows["id"].is_in(pl.concat([entities, relations]).implode()), OF_NOTHING)
        rows = self._keep(rows, rows["id"].is_first_distinct(), ANOTHER).sort(ORIGIN)
        self._ledger.keep(rows)
        of_relation = rows["id"].is_in(relations.implode())
        of_entity = rows["id"].is_in(entities.implode()) | (len(entities) == 0)
        return (
            rows.filter(of_entity).select("label", entity_id="id").select("entity_id", "label"),
            rows.filter(of_relation).select("label", relation_id="id").select("relation_id", "label"),
        )

    def _sound(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Enter the rows with a problem."""
        for problem in rows["problem"].drop_nulls().unique(maintain_order=True):
            broken = rows.filter(pl.col("problem") == problem)
            if problem == QUOTED:
                self._ledger.drop(broken, problem)
            else:
                self._ledger.reject(broken, problem, self._expected)
        return rows.filter(pl.col("problem").is_null())

    def _as_nodes(self, literals: pl.DataFrame) -> pl.DataFrame:
        """Make entities of literals: the id is the literal as N-Triples spells it, the label is its text."""
        text = pl.col("literal")
        for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
            text = text.str.replace_all(character, escape, literal=True)
        kind = pl.coalesce("@" + pl.col("language"), "^^<" + pl.col("datatype") + ">", pl.lit(""))
        nodes = literals.with_columns(tail='"' + text + '"' + kind)
        # These labels are no rows of their own.
        derived = {column: pl.lit(None, dtype=dtype) for column, dtype in ORIGIN_TYPES.items()}
        of_node = nodes.select(**derived, id="tail", label="literal", rank=pl.lit(0, dtype=pl.Int64))
        self._labels.append(of_node.unique("id", maintain_order=True))
        return nodes.select(*ORIGIN, *_TRIPLE)

    def _without_labels(self, literals: pl.DataFrame) -> pl.DataFrame:
        """Put labels of the language, or of none, aside; the better ones have the lower rank."""
        language = pl.col("language").str.to_lowercase()
        by_language = (
            pl.when(language == self._language)
            .then(0)
            .when(language.str.starts_with(f"{self._language}-"))
            .then(1)
            .when(language.is_null())
            .then(2)
        )
        by_predicate = pl.col("relation").replace_strict(
            {iri: place for place, iri in enumerate(LABELS)}, default=None, return_dtype=pl.Int64
        )
        rank = (by_language * len(LABELS) + by_predicate).cast(pl.Int64)
        ranked = literals.with_columns(rank=pl.when(pl.col("literal") != "").then(rank))
        labels = ranked.filter(pl.col("rank").is_not_null())
        self._labels.append(labels.select(*ORIGIN, id="head", label="literal", rank="rank"))
        return ranked.filter(pl.col("rank").is_null())

    def leave_literals(self) -> None:
        """Enter the literals that were skipped as dropped, by predicate; the rarer predicates together."""
        literals = pl.concat(self._skipped)
        often = (
            literals.group_by("relation", maintain_order=True).len().sort("len", descending=True, maintain_order=True)
        )
        shown, rare = often["relation"][:_SHOWN], often["relation"][_SHOWN:]
        for predicate in shown:
            self._ledger.drop(literals.filter(pl.col("relation") == predicate), f"literal of {predicate}")
        self._ledger.drop(literals.filter(pl.col("relation").is_in(rare.implode())), RARE)

    def _keep(self, rows: pl.DataFrame, mask: pl.Series, reason: str) -> pl.DataFrame:
        self._ledger.drop(rows.filter(~mask), reason)
        return rows.filter(mask)
