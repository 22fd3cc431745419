"""Access in the OpenAPI document: which scope a call needs, and what happens without."""

from typing import Any

from app.errors import (
    BodyTooLarge,
    ForeignHost,
    ForeignOrigin,
    InvalidKey,
    MissingKey,
    NotAllowed,
    RateLimited,
    StorageUnavailable,
)
from app.routers.access import needed_scope
from app.routers.problems import MEDIA_TYPE, problems

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key: `Authorization: Bearer ktup_…`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, by itself."},
}


def document_access(document: dict[str, Any]) -> None:
    """Add keys, scopes and their errors to every call that needs one."""
    document["components"]["securitySchemes"] = _SCHEMES
    refused = problems(MissingKey, InvalidKey, NotAllowed, ForeignHost, ForeignOrigin, RateLimited)
    unread = problems(StorageUnavailable)[503]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scope = needed_scope(method.upper(), path)
            if scope is None:
                continue
            # The last one: none, where no key was ever made.
            operation["security"] = [{"bearer": []}, {"header": []}, {}]
            operation["description"] += f"\n\nNeeds the scope `{scope}`."
            operation["responses"] |= {str(status): refused[status] for status in (401, 403, 429)}
            # Keys are stored: where nothing is known of one, and the database is away, any call is told so.
            operation["responses"]["503"] = _joined(operation["responses"].get("503", {}), unread)
            if "requestBody" in operation:
                operation["responses"]["413"] = problems(BodyTooLarge)[413]


def _joined(told: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Tell one problem more of a status."""
    if not told:
        return more
    ours, added = (each["content"][MEDIA_TYPE]["examples"] for each in (told, more))
    if added.keys() <= ours.keys():
        return told
    content = {MEDIA_TYPE: told["content"][MEDIA_TYPE] | {"examples": ours | added}}
    return more | {"description": f"{told['description']} / {more['description']}", "content": content}
