"""Keys: made, recognised, and held to their scopes and rates.

A key is `ktup_`, the 12 signs of its id, and a secret of 32 random bytes. Nobody can guess or list 2^256 secrets, so
one round of SHA-256 keeps them as safe as a slow hash would; a slow one only helps where people choose the words,
and would cost its time at every request. The hash is compared in constant time.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from app.access import SCOPES, Caller, Keys, RateLimits, Scope, StoredKey
from app.errors import InvalidKey, MissingKey, NotAllowed, RateLimited, StorageUnavailable
from app.tenancy import DEFAULT_TENANT

Mode = Literal["auto", "open", "keys"]

_KEY = re.compile(r"ktup_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_REMEMBERED_SECONDS = 3.0
_MOST_REMEMBERED = 10_000
_ANYBODY = Caller(DEFAULT_TENANT, None, SCOPES)
_NO_HASH = bytes(32)


def new_key(tenant: str, name: str, scopes: Collection[Scope], rate_limit: str | None = None) -> tuple[StoredKey, str]:
    """Make a key; gives what is kept, and the text that its owner sees once."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    key = StoredKey(key_id, 0, tenant, name, hash_of(secret), frozenset(scopes), rate_limit, now, None)
    return key, f"ktup_{key_id}_{secret}"


def hash_of(secret: str) -> bytes:
    """Give what is kept of a secret."""
    return hashlib.sha256(secret.encode("ascii")).digest()


@lru_cache(1_024)
def is_loopback(host: str) -> bool:
    """Tell whether an address never leaves this machine.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AccessService:
    """Tells who calls. What it read of keys it believes for three seconds: so long a revoked key may still work."""

    def __init__(
        self, keys: Keys, limits: RateLimits, mode: Mode, rate: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keys = keys
        self._limits = limits
        self._mode = mode
        self._rate = rate
        self._clock = clock
        self._in_use: tuple[float, bool] = (float("-inf"), False)
        self._found: dict[str, tuple[float, StoredKey | None]] = {}

    async def admit(self, token: str | None, client: str, scope: Scope, host: str = "localhost") -> Caller:
        """Say who calls, if this caller may do what the scope names, now.

        `client` is the address that calls, `host` the name that it calls this server by.

        Raises:
            MissingKey, InvalidKey: keys are in use, and this is none.
            NotAllowed: the key lacks the scope.
            RateLimited: the key called too often.
            StorageUnavailable: nothing is known of the key, and the database cannot be asked.
        """
        caller = await self._identify(token, client, host)
        if scope not in caller.scopes:
            raise NotAllowed(scope)
        if caller.key_id is not None:
            seconds = await self._limits.wait(caller.rate_limit or self._rate, caller.key_id)
            if seconds:
                raise RateLimited(seconds)
        return caller

    async def _identify(self, token: str | None, client: str, host: str) -> Caller:
        if self._mode == "open" or (self._mode == "auto" and not await self._keys_are_in_use()):
            if self._mode == "auto" and not is_loopback(client):
                raise MissingKey("No key has been made yet: until then only this machine itself may call.")
            if self._mode == "auto" and host and not is_loopback(host):
                # A page of the web whose name leads to this machine: a browser would let it read our answers.
                raise MissingKey("No key has been made yet: until then call by the name localhost.")
            return _ANYBODY
        if token is None:
            raise MissingKey
        return await self._check(token)

    async def _check(self, token: str) -> Caller:
        parts = _KEY.fullmatch(token)
        if parts is None:
            raise InvalidKey
        key = await self._find(parts[1])
        if not hmac.compare_digest(hash_of(parts[2]), _NO_HASH if key is None else key.secret_hash) or key is None:
            raise InvalidKey
        return Caller(key.tenant_id, key.key_id, key.scopes, key.rate_limit)

    async def _keys_are_in_use(self) -> bool:
        read_at, in_use = self._in_use
        if not in_use and self._clock() - read_at > _REMEMBERED_SECONDS:
            try:
                in_use = await self._keys.exist()
            except StorageUnavailable:
                # Whoever answered without keys before goes on from memory; at the start, nothing is known.
                if read_at == float("-inf"):
                    raise
            self._in_use = (self._clock(), in_use)
        return in_use

    async def _find(self, key_id: str) -> StoredKey | None:
        known = self._found.get(key_id)
        if known is not None and self._clock() - known[0] <= _REMEMBERED_SECONDS:
            return known[1]
        try:
            key = await self._keys.find(key_id)
        except StorageUnavailable:
            if known is None:
                raise
            key = known[1]
        if len(self._found) >= _MOST_REMEMBERED:
            self._found.clear()
        self._found[key_id] = (self._clock(), key)
        return key
