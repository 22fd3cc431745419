"""The repositories behind the calls that read and write what is stored, without any model."""

from dataclasses import dataclass

from app.db.catalogue import CatalogueRepository, ErasureRepository, PeopleRepository
from app.db.events import EventRepository
from app.db.filters import FilterRepository
from app.db.gaps import GapRepository
from app.db.keys import KeyRepository
from app.db.knowledge import KnowledgeRepository
from app.db.review import ReviewRepository
from app.db.session import Database
from app.db.steering import SteeringRepository


@dataclass(frozen=True, slots=True)
class Stores:
    """One repository for each noun."""

    events: EventRepository
    items: CatalogueRepository
    people: PeopleRepository
    erasures: ErasureRepository
    knowledge: KnowledgeRepository
    keys: KeyRepository
    steerings: SteeringRepository
    filters: FilterRepository
    gaps: GapRepository
    reviews: ReviewRepository


def open_stores(database: Database) -> Stores:
    """Make them; each takes its connections from the same engine."""
    return Stores(
        events=EventRepository(database),
        items=CatalogueRepository(database),
        people=PeopleRepository(database),
        erasures=ErasureRepository(database),
        knowledge=KnowledgeRepository(database),
        keys=KeyRepository(database),
        steerings=SteeringRepository(database),
        filters=FilterRepository(database),
        gaps=GapRepository(database),
        reviews=ReviewRepository(database),
    )
