"""Structured logs: one JSON object a line on standard error, each with the id of the request it belongs to, and with
that of its trace where requests are traced (app/tracing.py).
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that is being answered; tasks and threads started for it inherit the value."""

_encode = json.JSONEncoder(default=str).encode
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """Formats a record with its extra fields; a traceback becomes one field."""

    def __init__(self, more: Callable[[], Mapping[str, str]] = dict) -> None:
        """`more` is asked for fields of the running code with each line."""
        super().__init__()
        self._more = more

    def format(self, record: logging.LogRecord) -> str:
        """Give one line of ASCII JSON: no id in it can break a line or a terminal."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := REQUEST_ID.get()) is not None:
            line["request_id"] = request_id
        line |= self._more()
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line)


def configure_logging(level: str, more: Callable[[], Mapping[str, str]] = dict) -> None:
    """Send every logger of this process to standard error, from `level` on; `more` gives fields of each line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(more))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Ours is the access log; the libraries' own chatter below a warning says nothing an operator can use.
    for name in ("uvicorn.access", "faiss", "alembic", "sqlalchemy", "httpx", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
