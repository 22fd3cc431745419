"""In which language reasons are told: what the client's headers ask for, and what the answer says of it."""

from typing import Annotated

from fastapi import Header, Response

AcceptLanguage = Annotated[
    str | None,
    Header(description="The language of the reasons where `lang` is not given, by RFC 9110; English where none fits."),
]


def told_in(body: bytes, language: str) -> Response:
    """Send JSON whose sentences are in one language, and say that it depends on the header."""
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(body, media_type="application/json", headers=headers)
