"""Freebase spells one id as `m.0x`, as `/m/0x` and as `<http://rdf.freebase.com/ns/m.0x>`. Here all are `m.0x`."""

import polars as pl

_NAMESPACE = r"^https?://rdf\.freebase\.com/ns/"


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
    slashed = bare.str.replace(r"^/", "").str.replace_all(r"\.?/", ".")
    return pl.when(bare.str.contains(r"^/[a-z]")).then(slashed).otherwise(bare).alias(column)
