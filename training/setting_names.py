"""The names of settings, and which of them a mistyped one may have meant."""

from collections.abc import Sequence
from difflib import get_close_matches

from pydantic import BaseModel

_LIKENESS = 0.7  # `sharp` is like `sharpness`, but `norm` is not like `clip_norm`


def names_of(settings: type[BaseModel], before: str = "") -> list[str]:
    """List the dotted names of settings; those of a section stand behind its own name."""
    names = list[str]()
    for name, field in settings.model_fields.items():
        names.append(f"{before}{name}")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += names_of(field.annotation, f"{before}{name}.")
    return names


def unknown_name(name: str, known: Sequence[str], kind: str = "setting") -> str:
    """Say that there is no such name, and which was meant: one spelt alike, or of another section; else name them all.

    >>> unknown_name("epoch", ["epochs", "optimiser", "optimiser.rows"])
    'there is no setting `epoch`; did you mean `epochs`?'
    >>> unknown_name("rows", ["epochs", "optimiser", "optimiser.rows"])
    'there is no setting `rows`; did you mean `optimiser.rows`?'
    >>> unknown_name("optimiser.lr", ["epochs", "optimiser", "optimiser.rows"])
    'there is no setting `optimiser.lr`; there is `optimiser.rows`'
    """
    section, _, last = name.rpartition(".")
    beside = [other for other in known if other.rpartition(".")[0] == section]
    meant = [other for other in known if _last(other) == last] or _alike(last, beside) or _alike(last, known)
    if meant:
        return f"there is no {kind} `{name}`; did you mean {' or '.join(f'`{other}`' for other in meant)}?"
    verb = "is" if len(beside) == 1 else "are"
    return f"there is no {kind} `{name}`; there {verb} {', '.join(f'`{other}`' for other in beside or known)}"


def _alike(last: str, names: Sequence[str]) -> list[str]:
    """Give the names whose last part is the one most like this one, if any is."""
    nearest = get_close_matches(last, {_last(name): None for name in names}, n=1, cutoff=_LIKENESS)
    return [name for name in names if _last(name) in nearest]


def _last(name: str) -> str:
    return name.rpartition(".")[2]
