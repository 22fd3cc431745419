"""The knowledge graph, to be looked up, searched, listed and changed."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from app.dependencies import EntitySearchDep, KnowledgeDep
from app.errors import InvalidQuery, StorageUnavailable, UnknownEntity, UnknownFact, UnknownRelation
from app.routers.problems import problems
from app.schemas.ids import EntityId
from app.schemas.knowledge import (
    AddedFactsBody,
    EntityBody,
    EntitySearchParameters,
    FactChange,
    FactList,
    FactParameters,
    FoundEntities,
    NewFactParameters,
    NewFacts,
    RelationList,
    RelationParameters,
    RemovedFact,
)
from app.schemas.strict import NoParameters

router = APIRouter(prefix="/kg", tags=["knowledge graph"])


@router.get("/entities", responses=problems(StorageUnavailable))
async def search_entities(
    parameters: Annotated[EntitySearchParameters, Query()], search: EntitySearchDep
) -> FoundEntities:
    """Find entities by what they are called."""
    return FoundEntities.of(await search.search(parameters.query, parameters.limit))


@router.get("/entities/{entity_id}", responses=problems(UnknownEntity, StorageUnavailable))
async def read_entity(entity_id: EntityId, _none: Annotated[NoParameters, Query()], store: KnowledgeDep) -> EntityBody:
    """Give an entity, the items that it is, and the number of its facts."""
    return EntityBody.of(await store.entity(entity_id))


@router.get("/relations", responses=problems(InvalidQuery, StorageUnavailable))
async def list_relations(parameters: Annotated[RelationParameters, Query()], store: KnowledgeDep) -> RelationList:
    """Page through the relations in the order of their ids."""
    return RelationList.of(await store.relations(parameters.limit + 1, parameters.after()), parameters.limit)


@router.get("/facts", responses=problems(UnknownEntity, UnknownRelation, InvalidQuery, StorageUnavailable))
async def list_facts(parameters: Annotated[FactParameters, Query()], store: KnowledgeDep) -> FactList:
    """Page through the stored facts that have the given head, relation and tail; any of them may be left out."""
    facts = await store.facts(parameters.pattern(), parameters.limit + 1, parameters.after())
    return FactList.of(facts, parameters.limit)


@router.post("/facts", responses=problems(StorageUnavailable))
async def add_facts(
    facts: Annotated[NewFacts, Body()], parameters: Annotated[NewFactParameters, Query()], store: KnowledgeDep
) -> AddedFactsBody:
    """Store facts; explanations and completions know them from the next call on.

    A fact of an unknown relation, or of an unknown entity, is rejected by itself. Preferences are trained along the
    relations that are imported, so none can be made here.
    """
    return AddedFactsBody.of(await store.add([change.fact() for change in facts], parameters.create_entities))


@router.delete("/facts", responses=problems(UnknownFact, StorageUnavailable))
async def remove_fact(change: Annotated[FactChange, Query()], store: KnowledgeDep) -> RemovedFact:
    """Remove a fact; nothing cites it from the next call on."""
    await store.remove(change.fact())
    return RemovedFact(head=change.head, relation=change.relation, tail=change.tail, removed=True)
