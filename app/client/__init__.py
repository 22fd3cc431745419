"""A client of the service in typed Python: needs httpx and pydantic, and nothing of the server."""

from app.client.calls.catalogue import Event
from app.client.calls.graph import NewFact
from app.client.errors import ApiError, ClientError, Unreachable, UnreadableAnswer
from app.client.http import AsyncClient, Client
from app.client.retries import NEVER, Retries

__all__ = [
    "NEVER",
    "ApiError",
    "AsyncClient",
    "Client",
    "ClientError",
    "Event",
    "NewFact",
    "Retries",
    "Unreachable",
    "UnreadableAnswer",
]
