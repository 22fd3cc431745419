"""`python -m documentation write` writes the made pages, `check` says which are stale, `config` configures the site."""

import sys
from pathlib import Path

from documentation.pages import ROOT, made_pages
from documentation.site import write_config


def main(arguments: list[str]) -> int:
    """Do what is asked; 0 if all is well, 1 for stale pages, 2 for a word that is none."""
    if arguments == ["write"]:
        for path, text in made_pages().items():
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, encoding="utf-8")
        return 0
    if arguments == ["check"]:
        stale = stale_pages()
        for path in stale:
            print(f"{path} is stale: run `make docs-pages`", file=sys.stderr)
        return 1 if stale else 0
    if len(arguments) == 2 and arguments[0] == "config":
        try:
            write_config(Path(arguments[1]))
        except FileExistsError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        return 0
    print("usage: python -m documentation write | check | config FILE", file=sys.stderr)
    return 2


def stale_pages() -> list[str]:
    """Name the made pages that are not what the sources make now."""
    return [
        path
        for path, text in made_pages().items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text(encoding="utf-8") != text
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
