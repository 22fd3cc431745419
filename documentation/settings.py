"""The settings of the service, from the class that reads them."""

import json
from typing import Any

from pydantic import SecretStr

from app.settings import PREFIX, Settings
from documentation.markdown import code, table


def settings_page() -> str:
    """Write the page: each variable with its kind, default and meaning."""
    properties = Settings.model_json_schema()["properties"]
    rows = [
        [
            code(f"{PREFIX}{name}".upper()),
            kind(properties[name]),
            code(_default(field.default)),
            field.description or "",
        ]
        for name, field in Settings.model_fields.items()
    ]
    return (
        "# Settings of the service\n\n"
        "Each is an environment variable. One that is empty counts as not set; one that cannot be used, and one with "
        f"our prefix `{PREFIX}` that no setting reads, is told by name before anything starts. Defaults suit one "
        "machine: SQLite, a cache in process, loopback only.\n\n"
        f"{table(['variable', 'value', 'default', 'what it does'], rows)}\n\n"
        "`KTUP_URL` and `KTUP_KEY` are read by `python -m app call` alone: where the server is, and the key to send. "
        "Settings of training stand in presets, and `--set` changes one "
        "([all of them](training-settings.md)). What Compose takes: [Docker](../how-to/docker.md).\n"
    )


def kind(schema: dict[str, Any]) -> str:
    """Say what a value is, with its limits.

    >>> kind({"type": "integer", "minimum": 1, "maximum": 64})
    'whole number, 1 to 64'
    >>> kind({"enum": ["auto", "open"]})
    '`auto`, `open`'
    """
    if "anyOf" in schema:
        return kind(next(part for part in schema["anyOf"] if part.get("type") != "null"))
    if "enum" in schema:
        return ", ".join(code(str(value)) for value in schema["enum"])
    names = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text"}
    formats = {"path": "path", "password": "text, kept secret"}
    word = formats.get(schema.get("format", ""), names.get(schema.get("type", ""), "text"))
    least, most = schema.get("minimum"), schema.get("maximum")
    above = schema.get("exclusiveMinimum")
    start = f"above {_plain(above)}" if above is not None else "" if least is None else _plain(least)
    if not start:
        return word
    if most is not None:
        return f"{word}, {start} to {_plain(most)}"
    return f"{word}, {start}" if above is not None else f"{word}, at least {start}"


def _plain(number: float) -> str:
    """Write a whole number with its thousands apart, another as short as it can be."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:g}"


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else json.dumps(value, default=str).strip('"')
