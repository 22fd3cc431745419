"""The audit of a release's reasons, beside its manifest: added once, by one rename, and never changed.

The manifest does not name it: it is made after the release, of the release as it is. What it says is shown with the
release's figures, and nothing is served from it.
"""

import json
import logging
from pathlib import Path
from typing import Any

AUDIT, SUMMARY = "audit", "audit.json"

_log = logging.getLogger(__name__)


def read_audit(release: Path) -> dict[str, Any] | None:
    """Read the figures of a release's audit; None without one, or with one that cannot be read, which is logged."""
    path = release / AUDIT / SUMMARY
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        _log.error("%s cannot be read: %s", path, error)
        return None
    return found if isinstance(found, dict) else None
