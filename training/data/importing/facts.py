"""Facts that a source tells of items, by the items' ids, become triples of the entities that stand for the items."""

from dataclasses import dataclass

import polars as pl

from training.data.ledger import ORIGIN

PREFIX = "item:"


@dataclass(frozen=True)
class Told:
    """What follows from the facts of items.

    Attributes:
        triples: head, relation, tail, without an origin.
        links: item_id and entity_id of items that had no link before.
        entities: the new entities of those, with the titles of their items as labels.
    """

    triples: pl.DataFrame
    links: pl.DataFrame
    entities: pl.DataFrame


def tell(facts: pl.DataFrame, links: pl.DataFrame, items: pl.DataFrame) -> Told:
    """Give each known item that has facts a head: the entity of its first link, else a new one, `item:<id>`.

    Args:
        facts: item_id, relation, tail, with an origin that is null.
        links: item_id, entity_id; the first one of an item counts.
        items: item_id, title, of all that are known; facts of others are left out.
    """
    known = facts.join(items, on="item_id", how="inner", maintain_order="left")
    linked = links.select(pl.col("item_id", "entity_id").cast(pl.String)).unique("item_id", keep="first")
    headed = known.join(linked, on="item_id", how="left", maintain_order="left")
    head = pl.coalesce("entity_id", pl.lit(PREFIX) + pl.col("item_id"))
    new = headed.filter(pl.col("entity_id").is_null()).unique("item_id", keep="first", maintain_order=True)
    return Told(
        triples=headed.select(*ORIGIN, "relation", "tail", head=head).select(*ORIGIN, "head", "relation", "tail"),
        links=new.select(*ORIGIN, "item_id", entity_id=head),
        entities=new.select(entity_id=head, label="title"),
    )
