"""Search of entities by label, in an index that is made anew when a label changed."""

import asyncio
from collections import OrderedDict

from anyio import to_thread

from app.knowledge import EntityLabels, Labelled
from app.services.label_index import Found, LabelIndex
from app.services.texts import thing_name
from app.tenancy import current_tenant

_TENANTS = 16
"""Indexes that are held at once; the one that was not asked for longest makes room."""


class EntitySearch:
    """Finds entities by what people call them: the label, or the readable part of the id where there is none."""

    def __init__(self, entities: EntityLabels) -> None:
        self._entities = entities
        self._indexes: OrderedDict[int, LabelIndex] = OrderedDict()
        self._making = asyncio.Lock()

    async def search(self, query: str, limit: int) -> list[Found]:
        """Give the best entities, equal labels first.

        Raises:
            StorageUnavailable: labels cannot be read now.
        """
        index = await self._index()
        return await to_thread.run_sync(index.search, query, limit)

    async def _index(self) -> LabelIndex:
        tenant, version = current_tenant(), await self._entities.version()
        async with self._making:
            index = self._indexes.get(tenant)
            if index is None or index.version != version:
                index = self._indexes[tenant] = await self._make(version)
            self._indexes.move_to_end(tenant)
            if len(self._indexes) > _TENANTS:
                self._indexes.popitem(last=False)
            return index

    async def _make(self, version: int) -> LabelIndex:
        # The version was read before the labels: one that changes meanwhile belongs to the next.
        labels: list[Labelled] = [each async for piece in self._entities.labels() for each in piece]
        named = ((entity_id, label, thing_name(entity_id, label)) for entity_id, label in labels)
        return await to_thread.run_sync(LabelIndex, version, named)
