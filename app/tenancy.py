"""Whose data a piece of work is about. Every row and every cache key belongs to one tenant, and no query reads two.

The tenant travels like the request id: tasks and threads started for a request inherit it. Without access keys there
is one tenant, the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

DEFAULT_TENANT = 1
"""The tenant that every database has; its name is `default`."""

_TENANT: ContextVar[int] = ContextVar("tenant", default=DEFAULT_TENANT)


def current_tenant() -> int:
    """Give the number of the tenant that the running work belongs to."""
    return _TENANT.get()


@contextmanager
def of_tenant(tenant_id: int) -> Iterator[None]:
    """Let what runs inside belong to a tenant."""
    token = _TENANT.set(tenant_id)
    try:
        yield
    finally:
        _TENANT.reset(token)


def releases_of(folder: Path, tenant_id: int) -> Path:
    """Give the folder of a tenant's releases, within that of the first: a model says much of those it was trained on.

    No release can have the name of such a folder: a release's id does not begin with a dot.

    >>> releases_of(Path("var"), 1).as_posix(), releases_of(Path("var"), 2).as_posix()
    ('var', 'var/.tenant-2')
    """
    return folder if tenant_id == DEFAULT_TENANT else folder / f".tenant-{tenant_id}"
