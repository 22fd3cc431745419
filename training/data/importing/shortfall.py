"""Why a table that training needs would be empty, and what a person can bring."""

from collections.abc import Sequence

from training.data.ledger import Ledger

_BRING = {
    "interactions": (
        "no source holds interactions; bring who met what, such as a table with the columns user_id and item_id "
        "(names of your own: --column user_id=reader --column item_id=book)"
    ),
    "triples": (
        "no source says anything of the items, and the graph is learnt from that; bring one of: what your format has "
        "of items, beside its interactions (movies.dat, u.item, BX-Books.csv, items.csv, ...); columns of a table as "
        "facts, --column genre=COLUMN; or a graph and the links of your items to it, as sources of their own "
        "(ntriples=graph.nt table=links.csv)"
    ),
}
_SHOWN = 5


def why_empty(table: str, given: int, left: int, ledger: Ledger, notes: Sequence[str]) -> str:
    """Tell what became of the rows, or what to bring where there were none.

    Args:
        table: interactions or triples.
        given: its rows in the sources, facts of items among the triples.
        left: those that were not left out; none of them is in train.
        ledger: what was read, and left out so far.
        notes: what the readers said of the sources, such as columns that were not used.
    """
    if left:
        return f"none of its {left:,} rows is in train"
    files = ledger.so_far()
    said = "".join(f"; {note}" for note in notes[:_SHOWN])
    if given == 0:
        read = ", ".join(f"{name} ({rows:,} rows)" for name, rows, _ in files[:_SHOWN])
        return f"{_BRING[table]}. Read: {read}{said}"
    drops = [f"{rows:,} {reason} in {name}" for name, _, dropped in files for reason, rows in dropped.items()]
    return f"all of its {given:,} rows were left out. Left out: {', '.join(drops[:_SHOWN]) or 'unknown items'}{said}"
