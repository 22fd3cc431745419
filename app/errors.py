"""What can go wrong in the service, without HTTP: status codes live in the router layer.

ServiceError(message)
    UnknownUser(user_id)      UnknownItem(item_id)      UnknownEntity(entity_id)
    UnknownRelation(relation_id)                        UnknownRelease(release_id)
    UnknownFact(fact)         UnknownCandidate(candidate_id)
    AlreadyDecided(candidate_id, state)
    NotInRelease(kind, id)    stored, but the active release has no vector for it
    InvalidQuery(field, ...)  the request can be read but makes no sense
    CursorExpired(reason)     the list that a cursor is of cannot be followed any more
    NoActiveRelease(reason)   ReleaseRefused(release_id, reason)
    ReleaseNotLoaded(release_id)                        asked for by its id, and not one of those that answer
    NoFormerRelease           nothing to roll back to
    NoExperiment              none runs
    UnknownJob(job_id)        JobConflict(job_id)       JobFinished(job_id, state)
    StorageUnavailable        the database is away, too slow, or not migrated
    VectorEngineUnavailable   the vector engine is away, and nothing is to nominate items instead of it
    Overloaded                more requests wait for scoring than the queue may hold
    MissingKey  InvalidKey  NotAllowed(scope)  RateLimited(seconds)  BodyTooLarge(most)  UnknownTenant(name)
    ForeignOrigin  ForeignHost  a browser calls for a page that is not ours, or by a name that is not
    NotReady(missing)         the service cannot answer yet; what is missing, by name
"""

from collections.abc import Mapping
from typing import Literal


class ServiceError(Exception):
    """The root of every error that a caller may cause or must be told about."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnknownUser(ServiceError):
    """The user id was never seen."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"No user has the id {user_id!r}.")
        self.user_id = user_id


class UnknownItem(ServiceError):
    """The item id was never seen."""

    def __init__(self, item_id: str) -> None:
        super().__init__(f"No item has the id {item_id!r}.")
        self.item_id = item_id


class UnknownEntity(ServiceError):
    """The entity id was never seen."""

    def __init__(self, entity_id: str) -> None:
        super().__init__(f"No entity has the id {entity_id!r}.")
        self.entity_id = entity_id


class UnknownRelation(ServiceError):
    """The relation id was never seen."""

    def __init__(self, relation_id: str) -> None:
        super().__init__(f"No relation has the id {relation_id!r}.")
        self.relation_id = relation_id


class UnknownFact(ServiceError):
    """The triple is not stored."""

    def __init__(self, fact: tuple[str, str, str]) -> None:
        super().__init__(f"No fact with these three parts is stored: {', '.join(map(repr, fact))}.")
        self.fact = fact


class UnknownCandidate(ServiceError):
    """No predicted fact has this id; one that nobody decided about goes when another release predicts."""

    def __init__(self, candidate_id: str) -> None:
        super().__init__(f"No candidate has the id {candidate_id!r}.")
        self.candidate_id = candidate_id


class AlreadyDecided(ServiceError):
    """The opposite was decided about a predicted fact; `state` is what it is since."""

    def __init__(self, candidate_id: str, state: str) -> None:
        super().__init__(
            f"Candidate {candidate_id!r} was {state} before, and is decided once: "
            "change the graph itself by POST or DELETE /kg/facts."
        )
        self.candidate_id = candidate_id
        self.state = state


class UnknownRelease(ServiceError):
    """No release directory has this id."""

    def __init__(self, release_id: str) -> None:
        super().__init__(f"No release has the id {release_id!r}.")
        self.release_id = release_id


class ReleaseNotLoaded(ServiceError):
    """A release was asked for by its id, and is not one of those that answer now."""

    def __init__(self, release_id: str) -> None:
        super().__init__(
            f"The release {release_id!r} is not loaded. The active one is, and the second one of an experiment: "
            "one with the share 0 changes nobody's list."
        )
        self.release_id = release_id


class NotInRelease(ServiceError):
    """Stored, but the active release was trained without it."""

    def __init__(self, kind: Literal["user", "item", "entity", "relation"], external_id: str) -> None:
        super().__init__(f"The active release has no vector for the {kind} {external_id!r}.")
        self.kind = kind
        self.external_id = external_id


class InvalidQuery(ServiceError):
    """The request can be read but makes no sense; `fields` are the parameters to change."""

    def __init__(self, message: str, fields: tuple[str, ...]) -> None:
        super().__init__(message)
        self.fields = fields


class CursorExpired(ServiceError):
    """The list that a cursor is of cannot be followed any more."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}: ask for the first page again.")


class NoActiveRelease(ServiceError):
    """Nothing has been activated yet, or what is active has not been loaded yet; `reason` says which."""

    def __init__(self, reason: str = "No release is active: train one, then activate it.") -> None:
        super().__init__(reason)


class ReleaseRefused(ServiceError):
    """A release failed its check; the one that was active goes on serving."""

    def __init__(self, release_id: str, reason: str) -> None:
        super().__init__(f"Release {release_id!r} was refused: {reason}")
        self.release_id = release_id
        self.reason = reason


class NoFormerRelease(ServiceError):
    """There is nothing to roll back to."""

    def __init__(self) -> None:
        super().__init__("No release was active before the one that is.")


class NoExperiment(ServiceError):
    """No experiment runs."""

    def __init__(self) -> None:
        super().__init__("No experiment runs.")


class UnknownJob(ServiceError):
    """No training job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"No training job has the id {job_id!r}.")
        self.job_id = job_id


class JobConflict(ServiceError):
    """A job for the same data is queued or runs already."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"The training job {job_id!r} for the same data has not ended yet.")
        self.job_id = job_id


class JobFinished(ServiceError):
    """A job has ended; there is nothing to cancel."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"The training job {job_id!r} has ended: {state}.")
        self.job_id = job_id
        self.state = state


class StorageUnavailable(ServiceError):
    """The database is away, too slow, or has not been migrated."""

    def __init__(self, reason: str = "The database cannot be reached.") -> None:
        super().__init__(reason)


class VectorEngineUnavailable(ServiceError):
    """The vector engine is away, and nothing is to nominate items instead of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The vector engine does not answer: {reason}.")
        self.reason = reason


class Overloaded(ServiceError):
    """More requests wait for a scoring thread than the queue may hold."""

    def __init__(self) -> None:
        super().__init__("Too many requests wait to be scored.")


class MissingKey(ServiceError):
    """Keys are in use, and the request has none."""

    def __init__(self, reason: str = "Send a key, as `Authorization: Bearer ktup_…` or as `X-API-Key`.") -> None:
        super().__init__(reason)


class InvalidKey(MissingKey):
    """The request has a key that is not, or no longer, valid."""

    def __init__(self) -> None:
        super().__init__("This key is not valid: it was never made, or was revoked.")


class NotAllowed(ServiceError):
    """The key may not do this."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This call needs a key with the scope {scope!r}.")
        self.scope = scope


class ForeignOrigin(ServiceError):
    """A page of another origin wants to change something."""

    def __init__(self) -> None:
        super().__init__("Pages of this origin may not call; KTUP_CORS_ORIGINS names those that may.")


class ForeignHost(ServiceError):
    """The server was called by a name that is not its own."""

    def __init__(self) -> None:
        super().__init__("This server has no such name; KTUP_ALLOWED_HOSTS lists its names.")


class RateLimited(ServiceError):
    """The key called too often; `seconds` later it may again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"This key called too often; it may again in {seconds} seconds.")
        self.seconds = seconds


class BodyTooLarge(ServiceError):
    """The body of the request has more bytes than `most`."""

    def __init__(self, most: int) -> None:
        super().__init__(f"A body may have {most} bytes at most: send it in parts.")
        self.most = most


class UnknownTenant(ServiceError):
    """No tenant has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No tenant has the name {name!r}.")
        self.name = name


class NotReady(ServiceError):
    """The service cannot answer yet; `missing` maps each missing part to what is wrong with it."""

    def __init__(self, missing: Mapping[str, str]) -> None:
        super().__init__("Missing: " + "; ".join(f"{part}: {problem}" for part, problem in missing.items()) + ".")
        self.missing = dict(missing)
