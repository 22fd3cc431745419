"""The list of decisions, from their titles."""

import re
from pathlib import Path

TITLE = re.compile(r"# (?:\d{4}:? )?(.+)")


def decisions_page(folder: Path) -> str:
    """Write the list, in order."""
    lines = []
    for path in sorted(folder.glob("[0-9]*.md")):
        found = TITLE.match(path.read_text(encoding="utf-8"))
        if found is None:
            raise ValueError(f"{path}: expected a title in the first line, as in '# 0001 A title'")
        lines.append(f"- {path.name[:4]} [{found.group(1)}]({path.name})")
    return (
        "# Decisions\n\nEach says what was decided, why, and what was tried instead, so that nobody has to find it out "
        "again. What was tried and did not help stands in [experiments](../experiments.md), too.\n\n" + "\n".join(lines)
    ) + "\n"
