"""Freebase spells one id as `m.0x`, as `/m/0x` and as `<http://rdf.freebase.com/ns/m.0x>`. Here all are `m.0x`.

What a reader knows to be Freebase's is respelled by it (`spelled_alike`). In other formats an id may be anything, so
only what can be nothing else is respelled when the sources are merged: topics (`respelled_topics`), and relations that
Freebase's topics have (`respelled_relations`).
"""

import polars as pl

_NAMESPACE = r"^https?://rdf\.freebase\.com/ns/"
_BRACKETED = r"^<(https?://rdf\.freebase\.com/ns/[^>]*)>$"
_TOPIC = r"^/([mg])/([01][0-9a-z_]+)$"
_SHORT_TOPIC = r"^[mg]\.[01][0-9a-z_]+$"
_SLASHED = r"^/[a-z]"


def in_short(column: str) -> pl.Expr:
    """Write the ids of Freebase's namespace without it; other ids stay as they are.

    >>> pl.DataFrame({"a": ["http://rdf.freebase.com/ns/m.0x", "http://a.example/m.0x"]}).select(in_short("a"))["a"].to_list()
    ['m.0x', 'http://a.example/m.0x']
    """
    return pl.col(column).str.replace(_NAMESPACE, "")


def spelled_alike(column: str) -> pl.Expr:
    """Bring all three spellings, of topics and of relations, to the short one.

    >>> pl.DataFrame({"a": ["<http://rdf.freebase.com/ns/m.0x>", "/m/0x", "/film/film/genre"]}).select(
    ...     spelled_alike("a"))["a"].to_list()
    ['m.0x', 'm.0x', 'film.film.genre']
    """
    bare = pl.col(column).str.replace(r"^<(.*)>$", "$1").str.replace(_NAMESPACE, "")
    return pl.when(bare.str.contains(_SLASHED)).then(_dotted(bare)).otherwise(bare).alias(column)


def respelled_topics(ids: pl.Series) -> pl.Series:
    """Write the topics among the ids, and all else of Freebase's namespace, in short; other ids stay as they are.

    >>> respelled_topics(pl.Series(["/m/0x", "<http://rdf.freebase.com/ns/g.11b>", "/c/en/dog", "/m/x"])).to_list()
    ['m.0x', 'g.11b', '/c/en/dog', '/m/x']
    """
    return ids.str.replace(_BRACKETED, "$1").str.replace(_NAMESPACE, "").str.replace(_TOPIC, "$1.$2")


def respelled_relations(relations: pl.Series) -> pl.Series:
    """Write relations of Freebase's topics with dots.

    >>> respelled_relations(pl.Series(["/a/b/c./d/e", "<http://rdf.freebase.com/ns/a.b>", "r"])).to_list()
    ['a.b.c.d.e', 'a.b', 'r']
    """
    bare = pl.col("r").str.replace(_BRACKETED, "$1").str.replace(_NAMESPACE, "")
    respelled = pl.when(bare.str.contains(_SLASHED)).then(_dotted(bare)).otherwise(bare)
    return relations.to_frame("r").select(respelled).to_series()


def are_topics(ids: pl.Series) -> pl.Series:
    """Mark the ids that are topics of Freebase, in the short spelling."""
    return ids.str.contains(_SHORT_TOPIC)


def _dotted(slashed: pl.Expr) -> pl.Expr:
    return slashed.str.replace(r"^/", "").str.replace_all(r"\.?/", ".")
