"""Access in the OpenAPI document: which scope a call needs, and what happens without."""

from typing import Any

from app.errors import BodyTooLarge, ForeignHost, ForeignOrigin, InvalidKey, MissingKey, NotAllowed, RateLimited
from app.routers.access import needed_scope
from app.routers.problems import problems

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key: `Authorization: Bearer ktup_…`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, by itself."},
}


def document_access(document: dict[str, Any]) -> None:
    """Add keys, scopes and their errors to every call that needs one."""
    document["components"]["securitySchemes"] = _SCHEMES
    refused = problems(MissingKey, InvalidKey, NotAllowed, ForeignHost, ForeignOrigin, RateLimited)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scope = needed_scope(method.upper(), path)
            if scope is None:
                continue
            # The last one: none, where no key was ever made.
            operation["security"] = [{"bearer": []}, {"header": []}, {}]
            operation["description"] += f"\n\nNeeds the scope `{scope}`."
            operation["responses"] |= {str(status): refused[status] for status in (401, 403, 429)}
            if "requestBody" in operation:
                operation["responses"]["413"] = problems(BodyTooLarge)[413]
