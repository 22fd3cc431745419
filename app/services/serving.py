"""What answers for one tenant: the active release, and where an experiment runs, a second one for a share of the users.

Never changed, only replaced: a request that took it once sees one state to its end.
"""

import hashlib
from dataclasses import dataclass

from app.ports import LoadedRelease
from app.stored_operations import ExperimentRow

_WHOLE = 2**64


def in_share(experiment_id: str, user_id: str, share: float) -> bool:
    """Whether a user belongs to the share that gets the second release.

    The same for ever within an experiment, on every machine; unrelated between two experiments, so that no user is
    always the one who gets what is new. A larger share holds everybody of a smaller one.

    >>> in_share("e1", "u1", 0.0), in_share("e1", "u1", 1.0)
    (False, True)
    """
    name = f"{experiment_id}\x00{user_id}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") < share * _WHOLE


@dataclass(frozen=True, slots=True)
class Serving:
    """The releases of a tenant that are loaded; `experiment` and `second` come and go together."""

    first: LoadedRelease
    experiment: ExperimentRow | None = None
    second: LoadedRelease | None = None

    def release_for(self, user_id: str | None) -> LoadedRelease:
        """Give the release that answers a user, or a call that is about nobody: the active one."""
        if self.second is None or self.experiment is None or user_id is None:
            return self.first
        return self.second if in_share(self.experiment.experiment_id, user_id, self.experiment.share) else self.first

    def loaded(self, release_id: str) -> LoadedRelease | None:
        """Give one of the two by its id."""
        for release in (self.first, self.second):
            if release is not None and release.info.release_id == release_id:
                return release
        return None
