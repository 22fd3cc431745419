"""What an id may be: any text that every part of the service can store, compare and send."""

MAX_ID_BYTES = 800
"""The longest id, in UTF-8 bytes: three of them fit into one index row of PostgreSQL (2,704 bytes)."""


def id_problem(text: str) -> str | None:
    """Say why a text cannot be an id; None if it can.

    >>> id_problem("a/b ?#%2F 中文 ..") is None
    True
    >>> id_problem("a\\x00b")
    'holds a NUL character'
    """
    if not text:
        return "is empty"
    if "\x00" in text:
        return "holds a NUL character"
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return "is not valid Unicode: it holds half a surrogate pair, or bytes that are not UTF-8"
    return f"is longer than {MAX_ID_BYTES} bytes" if size > MAX_ID_BYTES else None
