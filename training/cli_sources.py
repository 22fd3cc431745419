"""The SOURCE arguments of `python -m training convert`: paths and globs, with their formats named or guessed."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent

from rich.console import Console
from rich.prompt import Prompt
from rich.text import Text

from training.data.errors import BadOption, UnsureFormat
from training.data.importing import Named
from training.data.readers import READERS
from training.data.readers.base import Reader
from training.data.readers.guess import Guess, guesses, seen, sure
from training.data.readers.interactions.table.table import TableReader
from training.data.readers.source import Source

_DIALECT, _RDF = frozenset({"table", "recbole", "book-crossing"}), frozenset({"ntriples", "turtle"})
_HEARD_BY: Mapping[str, frozenset[str]] = {
    "--column": frozenset({"table", "recbole"}),
    "--separator": _DIALECT,
    "--quote": _DIALECT,
    "--quoting": _DIALECT,
    "--header": _DIALECT,
    "--item-prefix": frozenset({"kb4rec"}),
    "--keep-literals": _RDF,
    "--language": _RDF,
}


def named_sources(
    arguments: Sequence[str], source_format: str | None, console: Console, columns: Mapping[str, str]
) -> list[Named]:
    """Give each SOURCE with its reader; where no format is named it is guessed, and the guess is said.

    Args:
        arguments: `PATH` or `FORMAT=PATH`; a path that exists is never taken for the latter.
        source_format: the format of the only source, by `--format`.
        console: told of guesses; a person is asked there if a guess is not certain.
        columns: ours -> theirs, as a person says: a table is known by them.

    Raises:
        BadOption: there is no such format, or `--format` stands beside several sources.
        UnsureFormat: nobody can be asked.
    """
    if source_format is not None and len(arguments) > 1:
        raise BadOption("--format", "goes with a single source; name formats of several as FORMAT=PATH")
    readers = {**READERS, "table": TableReader(columns)}
    return [_named(argument, source_format, console, readers) for argument in arguments]


def check_heard(sources: Sequence[Named], said: Mapping[str, bool]) -> None:
    """Refuse an option that no reader of these sources hears: it would be passed over in silence.

    Args:
        sources: what is going to be read.
        said: option -> whether a person said it.

    Raises:
        BadOption: names the formats that hear the option.
    """
    formats = {named.reader.name for named in sources}
    for option, hearing in _HEARD_BY.items():
        if said.get(option) and not formats & hearing:
            used = ", ".join(sorted(formats))
            raise BadOption(option, f"means nothing in {used}; it is for {', '.join(sorted(hearing))}")


def layout(name: str) -> str:
    """Show the files of a format, or of all.

    Raises:
        BadOption: there is no such format.
    """
    chosen = READERS if name == "all" else {name: reader_of(name, "--help-format")}
    return "\n\n".join(
        f"{key} ({', '.join(sorted(reader.gives))})\n{indent(reader.layout, '  ')}" for key, reader in chosen.items()
    )


def reader_of(name: str, option: str) -> Reader:
    """Give the reader of a format.

    Raises:
        BadOption: there is no such format.
    """
    if name not in READERS:
        raise BadOption(option, f"{name!r} is unknown; choose one of {', '.join(READERS)}")
    return READERS[name]


def parse_columns(settings: Sequence[str]) -> Mapping[str, str]:
    """Turn `user_id=reader` into a mapping.

    Raises:
        BadOption: an entry lacks the equals sign or a side.
    """
    pairs = [setting.partition("=") for setting in settings]
    for setting, (ours, _, theirs) in zip(settings, pairs, strict=True):
        if not ours.strip() or not theirs.strip():
            raise BadOption("--column", f"{setting!r} is not OURS=THEIRS, such as user_id=reader")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


def _named(argument: str, source_format: str | None, console: Console, readers: Mapping[str, Reader]) -> Named:
    before, equals, after = argument.partition("=")
    if equals and not Path(argument).exists() and (before in READERS or not Path(before).parent.name):
        return Named(reader_of(before, argument), Source.of(after))
    if source_format is not None:
        reader = reader_of(source_format, "--format")
        return Named(reader, Source.of(argument))
    source = Source.of(argument)
    found = guesses(source, readers)
    guess = sure(found) or _asked(argument, source, found, console)
    console.print(Text(f"{argument}: taken for {guess}"), soft_wrap=True)
    return Named(readers[guess.name], source)


def _asked(argument: str, source: Source, found: Sequence[Guess], console: Console) -> Guess:
    if not found or not (console.is_terminal and sys.stdin.isatty()):
        raise UnsureFormat(argument, [str(guess) for guess in found], seen(source))
    console.print(Text(f"{argument} may be:"), soft_wrap=True)
    for guess in found:
        console.print(Text(f"  {guess}"), soft_wrap=True)
    names = [guess.name for guess in found]
    chosen = Prompt.ask("Which format is it?", console=console, choices=names, default=names[0])
    return found[names.index(chosen)]
