"""The releases on disk, by a store that loads torch at its first use."""

from functools import cached_property
from pathlib import Path

from app.ports import LoadedRelease, ReleaseInfo, ReleaseStore, UserVectors
from app.settings import Settings


class LazyReleaseStore:
    """The releases on disk, read by code that is imported at its first use.

    torch and faiss take seconds to load. That happens in the thread that loads the first release, so that the
    service is live, and says what is missing, from the first moment.
    """

    def __init__(
        self, folder: Path, user_vectors: UserVectors = "auto", engine_settings: Settings | None = None
    ) -> None:
        """`user_vectors` is the setting of that name. `engine_settings` name the vector engine; None: none is used."""
        self._folder = folder
        self._user_vectors: UserVectors = user_vectors
        self._engine_settings = engine_settings

    @cached_property
    def _store(self) -> ReleaseStore:
        from app.inference import FileReleaseStore
        from app.vector_engine.configured import engine_of

        engine = None if self._engine_settings is None else engine_of(self._engine_settings)
        return FileReleaseStore(self._folder, self._user_vectors, engine)

    def list(self) -> list[ReleaseInfo]:
        """List every release directory of the current tenant, newest first."""
        return self._store.list()

    def load(self, release_id: str) -> LoadedRelease:
        """Load and check a release of the current tenant as a whole."""
        return self._store.load(release_id)
