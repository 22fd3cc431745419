"""Makes the raw sample data from films.csv: true facts about films, and simulated people whose tastes are planted.

    python data/sample/make_sample.py [--out DIR]

Each simulated person follows a few entities of one relation: some directors, or some actors, or a genre. About four
films in five of a person's history come from those, the rest by popularity alone. What was planted is written beside
(planted.csv), so that the reasons a model names can be held against the truth. Same seed, same bytes.
"""

import argparse
import csv
import random
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SEED, N_PEOPLE, FOLLOWED_SHARE = 20261125, 400, 0.8
FIRST_DAY, LAST_DAY, DAY = 1_672_531_200, 1_735_603_200, 86_400  # 2023-01-01 to 2024-12-31, UTC
FEWEST, MOST, ENOUGH_FOLLOWED, TRIES = 14, 30, 12, 60

RELATIONS: Mapping[str, tuple[str, str]] = {
    # relation: (label, prefix of its entities)
    "director": ("director", "person"),
    "starring": ("starring", "person"),
    "writer": ("writer", "person"),
    "composer": ("composer", "person"),
    "cinematographer": ("cinematographer", "person"),
    "genre": ("genre", "genre"),
    "based_on": ("based on a work by", "person"),
    "decade": ("decade", "decade"),
}
PLANTED = ("director", "starring", "writer", "composer", "genre", "decade")

Triple = tuple[str, str, str]


@dataclass(frozen=True)
class Film:
    """A row of films.csv with its id and its facts."""

    film_id: str
    title: str
    facts: tuple[Triple, ...]


@dataclass(frozen=True)
class Person:
    """A simulated person: whom or what they follow, and through which relation."""

    user_id: str
    relation: str
    entities: tuple[str, ...]


def slug(text: str) -> str:
    """Make a plain id of a name.

    >>> slug("Amélie"), slug("8½"), slug("Sławomir Idziak")
    ('amelie', '8-1-2', 'slawomir-idziak')
    """
    plain = unicodedata.normalize("NFKD", text.replace("½", " 1 2").replace("ł", "l").replace("Ł", "L"))
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return "-".join(kept.lower().replace("'", "").split())


def read_films(path: Path) -> tuple[list[Film], dict[str, str]]:
    """Read the films and the labels of everything that they name."""
    films, labels = [], {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            film_id = f"{slug(row['title'])}-{row['year']}"
            labels[film_id] = row["title"]
            values = {**row, "decade": f"{row['year'][:3]}0s"}
            facts = []
            for relation, (_, prefix) in RELATIONS.items():
                for name in filter(None, values[relation].split("|")):
                    entity = f"{prefix}-{slug(name)}"
                    labels[entity] = name
                    facts.append((film_id, relation, entity))
            films.append(Film(film_id, row["title"], tuple(facts)))
    return films, labels


def films_by_entity(films: Iterable[Film]) -> dict[str, dict[str, list[str]]]:
    """Give relation -> entity -> the films that have it."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for film in films:
        for _, relation, entity in film.facts:
            found[relation][entity].append(film.film_id)
    return found


def confounding(films: set[str], relation: str, facts_of: Mapping[str, Sequence[Triple]]) -> float:
    """Give the largest share of these films that one entity of another relation explains as well."""
    others = Counter((r, entity) for film in films for _, r, entity in facts_of[film] if r != relation)
    return max(others.values(), default=0) / len(films)


def choose_followed(
    relation: str,
    by_entity: Mapping[str, Mapping[str, Sequence[str]]],
    facts_of: Mapping[str, Sequence[Triple]],
    chance: random.Random,
) -> tuple[str, ...]:
    """Choose entities that have ENOUGH_FOLLOWED films together: of TRIES draws the least confounded one."""
    entities = sorted(e for e, films in by_entity[relation].items() if len(films) >= 4)
    best: tuple[float, tuple[str, ...]] = (2.0, ())
    for _ in range(TRIES):
        order = chance.sample(entities, len(entities))
        followed: list[str] = []
        films: set[str] = set()
        while len(films) < ENOUGH_FOLLOWED and order:
            followed.append(order.pop())
            films |= set(by_entity[relation][followed[-1]])
        best = min(best, (confounding(films, relation, facts_of), tuple(sorted(followed))))
    return best[1]


def history_of(
    person: Person,
    by_entity: Mapping[str, Mapping[str, Sequence[str]]],
    popularity: Mapping[str, float],
    chance: random.Random,
) -> list[tuple[str, bool]]:
    """Draw the films that a person has met, with whether each is one of the followed."""
    followed = sorted({film for entity in person.entities for film in by_entity[person.relation][entity]})
    n_followed = min(len(followed), round(chance.randint(FEWEST, MOST) * FOLLOWED_SHARE))
    history = [(film, True) for film in weighted_sample(followed, popularity, n_followed, chance)]
    others = sorted(set(popularity) - set(followed))
    n_others = max(1, round(n_followed * (1 - FOLLOWED_SHARE) / FOLLOWED_SHARE))
    history += [(film, False) for film in weighted_sample(others, popularity, n_others, chance)]
    chance.shuffle(history)
    return history


def weighted_sample(films: Sequence[str], weights: Mapping[str, float], n: int, chance: random.Random) -> list[str]:
    """Draw n different films, each with a chance by its weight (Efraimidis and Spirakis, 2006)."""
    keys = {film: chance.random() ** (1 / weights[film]) for film in films}
    return sorted(films, key=lambda film: (-keys[film], film))[:n]


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a CSV file (RFC 4180, but with LF) and give its number of rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def make(out: Path) -> dict[str, int]:
    """Write every raw file into `out`; returns the number of rows of each."""
    chance = random.Random(SEED)
    films, labels = read_films(HERE / "films.csv")
    by_entity, facts_of = films_by_entity(films), {film.film_id: film.facts for film in films}
    ranks = chance.sample([film.film_id for film in films], len(films))
    popularity = {film: 1 / (10 + rank) ** 0.7 for rank, film in enumerate(ranks)}
    people = []
    for number in range(1, N_PEOPLE + 1):
        relation = PLANTED[number % len(PLANTED)]
        followed = choose_followed(relation, by_entity, facts_of, chance)
        people.append(Person(f"u{number:03d}", relation, followed))
    interactions = []
    for person in people:
        days = sorted(chance.randrange(FIRST_DAY, LAST_DAY, DAY) for _ in range(2 * MOST))
        for (film, is_followed), day in zip(history_of(person, by_entity, popularity, chance), days, strict=False):
            value = chance.choice([4.0, 4.5, 5.0]) if is_followed else chance.choice([3.0, 3.5, 4.0])
            interactions.append((person.user_id, film, value, day + chance.randrange(DAY)))
    triples = [fact for film in films for fact in film.facts]
    used = Counter(end for head, _, tail in triples for end in (head, tail))
    out.mkdir(parents=True, exist_ok=True)
    return {
        "interactions": write(out / "interactions.csv", ("user_id", "item_id", "value", "timestamp"), interactions),
        "triples": write(out / "triples.csv", ("head", "relation", "tail"), triples),
        "links": write(out / "links.csv", ("item_id", "entity_id"), ((f.film_id, f.film_id) for f in films)),
        "items": write(out / "items.csv", ("item_id", "title"), ((f.film_id, f.title) for f in films)),
        "entities": write(out / "entities.csv", ("entity_id", "label"), ((e, labels[e]) for e in sorted(used))),
        "relations": write(
            out / "relations.csv", ("relation_id", "label"), ((r, label) for r, (label, _) in RELATIONS.items())
        ),
        "planted": write(
            out / "planted.csv",
            ("user_id", "relation_id", "entity_ids"),
            ((p.user_id, p.relation, "|".join(p.entities)) for p in people),
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "raw", help="where the files go (default: raw beside this)")
    for table, n_rows in make(parser.parse_args().out).items():
        print(f"{table:<14}{n_rows:>7,}")
