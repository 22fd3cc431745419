"""The graph as N-Triples (W3C), with labels as rdfs:label; interactions and links beside it as CSV."""

from pathlib import Path

import polars as pl

from training.data.dataset import Dataset
from training.data.exporting.tables import write_interactions_and_links

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
_IRI = r"^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\]*$"
_BASE = "urn:ktup:"
_FORBIDDEN = [*map(chr, range(0x21)), *'<>"{}|^`\\%']
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
_ROWS = 500_000


def write_ntriples(dataset: Dataset, folder: Path) -> list[str]:
    """Write graph.nt, interactions.csv and links.csv; the latter name entities as the graph does.

    An id that is an absolute IRI stays itself; any other becomes `urn:ktup:<id>`, with %XX for what no IRI may hold.
    """
    entities, relations = dataset.entities["entity_id"], dataset.relations["relation_id"]
    names = pl.concat([entities, relations]).unique(maintain_order=True)
    iris = pl.DataFrame({"id": names}).with_columns(iri=_iri("id"))
    with (folder / "graph.nt").open("w", encoding="utf-8") as file:
        for piece in dataset.triples.iter_slices(_ROWS):
            known = piece.select(pl.col("head", "relation", "tail").cast(pl.String))
            for column in known.columns:
                known = known.with_columns(_spelled(known[column], iris))
            file.writelines(known.select(pl.format("<{}> <{}> <{}> .\n", "head", "relation", "tail")).to_series())
        for table in (dataset.entities, dataset.relations):
            labels = (
                table.filter(pl.col("label").is_not_null())
                .rename({table.columns[0]: "id"})
                .with_columns(iri=_iri("id"))
            )
            literal = pl.col("label").str.replace_many(_ESCAPES)
            file.writelines(labels.select(pl.format("<{}> <" + LABEL + '> "{}" .\n', "iri", literal)).to_series())
    write_interactions_and_links(dataset, folder)
    links = dataset.links.with_columns(_spelled(dataset.links["entity_id"], iris))
    links.write_csv(folder / "links.csv")
    changed = iris.filter(pl.col("id") != pl.col("iri")).height
    said = ["the splits of the triples: N-Triples have none", "titles of items"]
    said += [f"the spelling of {changed:,} ids that are no IRIs: they are {_BASE}<id> now"] if changed else []
    return [*said, f"the {dataset.rejected.height:,} rejected facts"] if dataset.rejected.height else said


def _iri(column: str) -> pl.Expr:
    escaped = pl.col(column).str.replace_many(_FORBIDDEN, [f"%{ord(letter):02X}" for letter in _FORBIDDEN])
    return pl.when(pl.col(column).str.contains(_IRI)).then(column).otherwise(pl.lit(_BASE) + escaped)


def _spelled(ids: pl.Series, iris: pl.DataFrame) -> pl.Series:
    return pl.DataFrame({"id": ids}).join(iris, on="id", how="left", maintain_order="left")["iri"].alias(ids.name)
