"""People on a `MemoryRelease`, by hand.

Who is folded in has half the mean of their items' numbers; recent items add theirs to a user's.
A multiplier m makes a relation log m nearer when one is induced, and changes no distance; 0 takes it out, unless all
are. Similar items are near in number.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from app.errors import NotInRelease
from app.ports import Attribution, PreferenceWeight, ScoredItem
from app.ports_people import Change, Person, Place, PreferenceOfPerson, Standing, WhyNot
from app.ports_reasons import FullReason, Tied
from tests.app.memory_reasons import MemoryReasons

if TYPE_CHECKING:
    from tests.app.memory_release import MemoryRelease


class MemoryPeople:
    def __init__(self, release: "MemoryRelease") -> None:
        self._release = release

    def knows_preference(self, relation_id: str) -> bool:
        return relation_id in self._release.relations

    def is_folded_in(self, person: Person) -> bool:
        if person.user_id in self._release.users:
            return False
        if not self.known(person):
            raise NotInRelease("user", person.user_id or "")
        return True

    def recommend(
        self,
        person: Person,
        n: int,
        exclude: Collection[str] = (),
        diversity: float = 0.0,
        among: Collection[str] | None = None,
    ) -> list[ScoredItem]:
        self._release.calls += 1
        u = self._number(person)
        names = [i for i in self._release.items if i not in exclude and (among is None or i in among)]
        scored = [ScoredItem(item, self._reach(u, item, person)[0][0]) for item in names]
        ranked = sorted(scored, key=lambda item: -item.score)
        return ranked[:n] if diversity == 0.0 else self._diverse(ranked[: max(50, 5 * n)], n, diversity)

    def _diverse(self, pool: list[ScoredItem], n: int, diversity: float) -> list[ScoredItem]:
        """Far from what is chosen already, by so much more as diversity is more."""
        chosen: list[ScoredItem] = []
        while pool and len(chosen) < n:
            pool.sort(key=lambda item: -((1 - diversity) * item.score + diversity * self._far(item, chosen)))
            chosen.append(pool.pop(0))
        return chosen

    def _far(self, item: ScoredItem, chosen: Sequence[ScoredItem]) -> float:
        numbers = self._release.items
        return min((abs(numbers[item.item_id] - numbers[other.item_id]) for other in chosen), default=item.score)

    def attribute(self, person: Person, item_ids: Sequence[str]) -> list[Attribution]:
        return [self._attribute(person, item_id) for item_id in item_ids]

    def _attribute(self, person: Person, item_id: str) -> Attribution:
        self._item(item_id)
        reach = self._reach(self._number(person), item_id, person)
        (score, top), second = reach[0], reach[1][0] if len(reach) > 1 else reach[0][0]
        others = [PreferenceWeight(name, 0.0, 0.0) for name in self._release.relations if name != top]
        return Attribution(item_id, "hard", score, [PreferenceWeight(top, 1.0, 1.0), *others], second)

    def standings(
        self, person: Person, item_ids: Sequence[str], relation_ids: Collection[str] = (), exclude: Collection[str] = ()
    ) -> list[Standing]:
        found = []
        for item_id in item_ids:
            without = {}
            for relation_id in relation_ids:
                masked = Person(person.user_id, person.history, {**person.multipliers, relation_id: 0.0})
                without[relation_id] = self.place(masked, item_id, exclude)
            found.append(Standing(item_id, self.place(person, item_id, exclude), without))
        return found

    def place(self, person: Person, item_id: str, exclude: Collection[str]) -> Place:
        self._item(item_id)
        open_ = self.recommend(person, len(self._release.items), set(exclude) - {item_id})
        rank, own = next((n, item) for n, item in enumerate(open_, start=1) if item.item_id == item_id)
        return Place(own.score, rank)

    def full_reasons(
        self,
        person: Person,
        asked: Sequence[Tied],
        n: int,
        exclude: Collection[str] = (),
        told: int = 5,
        evidence: int = 3,
    ) -> Iterator[FullReason]:
        for one in asked:
            yield MemoryReasons(self, person, n, exclude).of(one, told, evidence)

    def why_not(self, person: Person, item_id: str, n: int, exclude: Collection[str] = ()) -> WhyNot:
        place = self.place(person, item_id, exclude)
        open_ = self.recommend(person, n, set(exclude) - {item_id})
        best, relation = self._reach(self._number(person), item_id, Person(None))[0]
        change = None if place.rank <= n else self._change(person, item_id, n, exclude)
        return WhyNot(item_id, place.rank, place.score, open_[-1].score - place.score, relation, best, change)

    def _change(self, person: Person, item_id: str, n: int, exclude: Collection[str]) -> Change | None:
        for relation_id in self._release.relations:
            for multiplier in (0.0, 2.0):
                steered = Person(person.user_id, person.history, {**person.multipliers, relation_id: multiplier})
                if self.place(steered, item_id, exclude).rank <= n:
                    return Change("steer", relation_id, multiplier)
        nearest = self.similar(item_id, 1, person.history)[0].item_id
        folded = Person(None, [*person.history, nearest], person.multipliers)
        in_list = self.place(folded, item_id, [*exclude, nearest]).rank <= n
        return Change("add", items=[nearest]) if in_list else None

    def preferences(self, person: Person, behind: int = 5) -> list[PreferenceOfPerson]:
        tops: dict[str, list[str]] = {name: [] for name in self._release.relations}
        for item_id in sorted(self.known(person)):
            tops[self._reach(self._number(person), item_id, person)[0][1]].append(item_id)
        n = len(self.known(person))
        found = [PreferenceOfPerson(r, len(i) / n, len(i) / n, i[:behind]) for r, i in tops.items() if n]
        return sorted(found, key=lambda preference: -preference.share)

    def similar(
        self, item_id: str, n: int, exclude: Collection[str] = (), relation_id: str | None = None
    ) -> list[ScoredItem]:
        if relation_id is not None and relation_id not in self._release.relations:
            raise NotInRelease("relation", relation_id)
        # On the hyperplane of a relation, numbers count by what is left of its own.
        size = 1.0 if relation_id is None else self._release.relations[relation_id]
        own, numbers = self._item(item_id) % size if relation_id else self._item(item_id), self._release.items
        at = {i: (x % size if relation_id else x) for i, x in numbers.items() if i != item_id and i not in exclude}
        return sorted((ScoredItem(i, -abs(x - own)) for i, x in at.items()), key=lambda item: -item.score)[:n]

    def known(self, person: Person) -> list[str]:
        return [item_id for item_id in person.history if item_id in self._release.items]

    def _number(self, person: Person) -> float:
        if self.is_folded_in(person):
            numbers = [self._release.items[item_id] for item_id in self.known(person)]
            return sum(numbers) / len(numbers) / 2
        trained, recent = self._release.users[person.user_id or ""], self.known(Person(None, person.recent))
        return trained + sum(self._release.items[item_id] for item_id in recent)

    def _item(self, item_id: str) -> float:
        if item_id not in self._release.items:
            raise NotInRelease("item", item_id)
        return self._release.items[item_id]

    def _reach(self, u: float, item_id: str, person: Person) -> list[tuple[float, str]]:
        """Scores along each relation, the induced one first; masked ones are left out."""
        i, odds = self._release.items[item_id], {r: person.multipliers.get(r, 1.0) for r in self._release.relations}
        if not any(odds.values()):
            odds = dict.fromkeys(odds, 1.0)
        near = [(abs(u + self._release.relations[r] - i), r) for r, m in odds.items() if m > 0]
        near.sort(key=lambda pair: pair[0] - math.log(odds[pair[1]]))
        return [(-distance, r) for distance, r in near]
