"""Who a list is for: a user with a trained vector, somebody who is folded in from what they like, or nobody known.

What a user met is not recommended again, and explains, from the very next call. What they met after the release's data
ended moves their trained vector, a part of the way to what the whole history would make of them
(models/fold_in/users.py); with nothing new it is exactly the trained one. Who names `items` in `POST /recommendations`
is folded in from the history and those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.errors import NotInRelease
from app.ports import LoadedRelease
from app.ports_people import Person
from app.services.erasure import ErasedUsers
from app.steering import Steerings
from app.stored import Histories, History

Strategy = Literal["personalized", "fold_in", "popular"]
NO_HISTORY = History((), frozenset())


@dataclass(frozen=True, slots=True)
class Case:
    """A person as the active release sees them. `reasons` are the items that may explain something, newest first.

    The person's `user_id` is None unless the release has a vector for it. With the strategy `popular`, the release
    knows nothing of them.
    """

    person: Person
    strategy: Strategy
    history: History
    reasons: Sequence[str]

    @property
    def is_plain(self) -> bool:
        """Whether the release's own lists are theirs: a trained vector as it is, without steering."""
        return self.strategy == "personalized" and not (self.person.multipliers or self.person.recent)


def case_of(
    release: LoadedRelease,
    user_id: str | None,
    history: History,
    multipliers: Mapping[str, float],
    items: Sequence[str] = (),
) -> Case:
    """See somebody as a release does; with `items`, which they like beside their history, they are folded in."""
    reasons = list(dict.fromkeys((*items, *history.reasons)))
    if user_id is not None and not items and release.recommender.knows_user(user_id):
        recent = history.since(release.info.data_until)
        return Case(Person(user_id, reasons, multipliers, recent), "personalized", history, reasons)
    person = Person(None, reasons, multipliers)
    try:
        release.people.is_folded_in(person)
    except NotInRelease:
        return Case(person, "popular", history, reasons)
    return Case(person, "fold_in", history, reasons)


class PeopleReader:
    """Reads what is stored of people."""

    def __init__(self, histories: Histories, steerings: Steerings, erased: ErasedUsers) -> None:
        self._histories = histories
        self._steerings = steerings
        self._erased = erased

    async def read(self, release: LoadedRelease, user_id: str, steered: bool, items: Sequence[str] = ()) -> Case:
        """See one user as a release does; where nothing was ever steered, nobody is asked for it."""
        await self._erased.refresh()
        history = (await self._histories.histories([user_id])).get(user_id, NO_HISTORY)
        multipliers = (await self._steerings.of([user_id])).get(user_id, {}) if steered else {}
        return case_of(release, self._known(release, user_id), history, multipliers, items)

    def unread(self, release: LoadedRelease, user_id: str | None, items: Sequence[str]) -> Case:
        """See one user as a release does while nothing can be read of them."""
        known = None if user_id is None else self._known(release, user_id)
        return case_of(release, known, NO_HISTORY, {}, items)

    async def read_many(self, release: LoadedRelease, user_ids: Sequence[str]) -> dict[str, Case]:
        """See many stored users as a release does."""
        await self._erased.refresh()
        histories = await self._histories.histories(user_ids)
        steerings = await self._steerings.of(list(histories))
        return {
            user: case_of(release, self._known(release, user), history, steerings.get(user, {}))
            for user, history in histories.items()
        }

    def _known(self, release: LoadedRelease, user_id: str) -> str | None:
        """Give the id under which a release may know somebody: none for one who was erased after it was trained."""
        return None if self._erased.after(user_id, release.info.data_until) else user_id
