"""Tables to files whose cells are not quoted."""

from pathlib import Path

import polars as pl

from training.data.errors import Unwritable

_BREAKS = r"[\t\r\n]"


def write_tsv(table: pl.DataFrame, path: Path) -> None:
    """Write a header and rows, tabs between the cells, nothing for null.

    Raises:
        Unwritable: a cell holds a tab or a line end, which would break its row.
    """
    texts = [name for name, dtype in table.schema.items() if dtype in (pl.String, pl.Categorical)]
    for name in texts:
        broken = table[name].unique().cast(pl.String).drop_nulls()
        broken = broken.filter(broken.str.contains(_BREAKS))
        if len(broken):
            raise Unwritable(path.name, name.partition(":")[0], broken[0])
    table.write_csv(path, separator="\t", quote_style="never")


def one_line(column: str) -> pl.Expr:
    """Give a text for people with a blank for every tab and line end."""
    return pl.col(column).str.replace_all(_BREAKS, " ")
