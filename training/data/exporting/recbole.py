"""RecBole's atomic files: https://recbole.io/docs/user_guide/data/atomic_files.html."""

from pathlib import Path

import polars as pl

from training.data.dataset import Dataset
from training.data.exporting.lines import one_line, write_tsv
from training.data.schema import SPLITS


def write_recbole(dataset: Dataset, folder: Path) -> list[str]:
    """Write data.{train,valid,test}.inter (`benchmark_filename`), .user, .item, .kg and .link.

    Raises:
        Unwritable: an id holds a tab or a line end.
    """
    name, rows = "data", dataset.interactions
    inter = {"user_id:token": "user_id", "item_id:token": "item_id", "rating:float": "value"}
    for split in SPLITS:
        part = rows.filter(pl.col("split") == split).select(**inter, **{"timestamp:float": "timestamp"})
        write_tsv(part, folder / f"{name}.{split}.inter")
    write_tsv(dataset.users.select(**{"user_id:token": "user_id"}), folder / f"{name}.user")
    items = dataset.items.select(**{"item_id:token": pl.col("item_id"), "title:token_seq": one_line("title")})
    write_tsv(items, folder / f"{name}.item")
    kg = {"head_id:token": "head", "relation_id:token": "relation", "tail_id:token": "tail"}
    write_tsv(dataset.triples.select(**kg), folder / f"{name}.kg")
    write_tsv(
        dataset.links.select(**{"item_id:token": "item_id", "entity_id:token": "entity_id"}), folder / f"{name}.link"
    )
    return _left_out(dataset)


def _left_out(dataset: Dataset) -> list[str]:
    ends = pl.concat([dataset.triples["head"], dataset.triples["tail"]]).unique().cast(pl.String)
    alone = dataset.entities.filter(~pl.col("entity_id").is_in(ends.implode())).height
    said = ["the splits of the triples: a .kg file has none"]
    said += [f"the {alone:,} entities that no triple names"] if alone else []
    labels = dataset.entities["label"].count() + dataset.relations["label"].count()
    said += [f"the {labels:,} labels of entities and relations"] if labels else []
    return [*said, f"the {dataset.rejected.height:,} rejected facts"] if dataset.rejected.height else said
