"""The catalogue and people: stored, read, deleted, erased."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from app.catalogue import StoredItem
from app.dependencies import CatalogueDep, ErasureServiceDep, PeopleDep, TitleSearchDep
from app.errors import InvalidQuery, StorageUnavailable, UnknownEntity, UnknownItem, UnknownUser
from app.routers.problems import problems
from app.schemas.catalogue import (
    DeletedItem,
    ErasureBody,
    ItemBody,
    ItemChange,
    ItemList,
    ItemParameters,
    StoredItemBody,
    StoredUserBody,
    UserBody,
    UserList,
    UserParameters,
)
from app.schemas.ids import ItemId, UserId
from app.schemas.strict import NoParameters

router = APIRouter(tags=["catalogue"])
_No = Annotated[NoParameters, Query()]


@router.get("/items", responses=problems(InvalidQuery, StorageUnavailable))
async def list_items(
    parameters: Annotated[ItemParameters, Query()], store: CatalogueDep, titles: TitleSearchDep
) -> ItemList:
    """Page through the catalogue in the order of its ids, or find items by what they are called."""
    if parameters.query is not None:
        parameters.after()
        found = await titles.search(parameters.query, parameters.limit)
        return ItemList.of(await store.some([each.entity_id for each in found]), parameters.limit)
    return ItemList.of(await store.page(parameters.limit + 1, parameters.after()), parameters.limit)


@router.get("/items/{item_id}", responses=problems(UnknownItem, StorageUnavailable))
async def read_item(item_id: ItemId, _none: _No, store: CatalogueDep) -> ItemBody:
    """Give an item."""
    return ItemBody.of(await store.get(item_id))


@router.put("/items/{item_id}", responses=problems(UnknownEntity, StorageUnavailable))
async def store_item(
    item_id: ItemId, change: Annotated[ItemChange, Body()], _none: _No, store: CatalogueDep
) -> StoredItemBody:
    """Store an item as it is given, whether it is new, known or was deleted.

    A new item can be met and counted at once; lists hold it once facts of its entity place it among what was trained.
    """
    item = StoredItem(item_id, change.title, change.entity_id)
    created = await store.put(item)
    return StoredItemBody(created=created, item_id=item_id, title=item.title, entity_id=item.entity_id)


@router.delete("/items/{item_id}", responses=problems(UnknownItem, StorageUnavailable))
async def delete_item(item_id: ItemId, _none: _No, store: CatalogueDep) -> DeletedItem:
    """Take an item out of the catalogue: no list, history or explanation shows it from the next call on.

    What people did with it stays stored, and comes back with the item.
    """
    await store.delete(item_id)
    return DeletedItem(item_id=item_id, deleted=True)


@router.get("/users", responses=problems(InvalidQuery, StorageUnavailable))
async def list_users(parameters: Annotated[UserParameters, Query()], store: PeopleDep) -> UserList:
    """Page through the people in the order of their ids."""
    page = await store.page(parameters.prefix or "", parameters.limit + 1, parameters.after())
    return UserList.of(page, parameters.limit)


@router.get("/users/{user_id}", responses=problems(UnknownUser, StorageUnavailable))
async def read_user(user_id: UserId, _none: _No, store: PeopleDep) -> UserBody:
    """Give a person."""
    return UserBody.of(await store.get(user_id))


@router.put("/users/{user_id}", responses=problems(StorageUnavailable))
async def store_user(user_id: UserId, _none: _No, store: PeopleDep) -> StoredUserBody:
    """Store a person, whether known or not. Nothing but the id is kept."""
    return StoredUserBody(user_id=user_id, created=await store.put(user_id))


@router.delete("/users/{user_id}", responses=problems(UnknownUser, StorageUnavailable))
async def erase_user(user_id: UserId, _none: _No, service: ErasureServiceDep) -> ErasureBody:
    """Erase a person everywhere: rows, events and cached answers; other processes follow within seconds.

    A release that was trained with the person keeps the id and the vector on disk until it is replaced and removed.
    Should the id come back, it is a new person's to that release; a hash of it is kept for that.
    """
    return ErasureBody.of(await service.erase(user_id))
