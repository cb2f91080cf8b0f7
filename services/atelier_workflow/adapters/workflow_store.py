"""Stored workflows in SQL."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update

from atelier_jobs.sql.database import JobDatabase, Transaction
from atelier_service.errors import FailedPreconditionError, ResourceExhaustedError
from atelier_service.ids import uuid7
from atelier_workflow.adapters.tables import workflow_versions, workflows
from atelier_workflow.domain.workflow import (
    Definition,
    InputPath,
    InputType,
    NamedOutput,
    TypedInput,
    Workflow,
    workflow_not_found,
)

_w, _v = workflows.c, workflow_versions.c
_WITHOUT_GRAPH = [column for column in workflow_versions.c if column.name not in ("graph", "create_us")]
_SHORT = select(_w.id, _w.owner, _w.latest_version, _w.published_version, _w.create_us).add_columns(
    *_WITHOUT_GRAPH, _v.create_us.label("update_us")
)
_LATEST = _SHORT.join(workflow_versions, (_v.workflow_id == _w.id) & (_v.version == _w.latest_version))
_PUBLISHED = _SHORT.join(workflow_versions, (_v.workflow_id == _w.id) & (_v.version == _w.published_version))
_WHOLE = _SHORT.add_columns(_v.graph).join(workflow_versions, _v.workflow_id == _w.id)


class SqlWorkflowStore:
    """A WorkflowStore in the database of executions."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database

    async def create(self, owner: str, definition: Definition, node_count: int, *, limit: int) -> Workflow:
        """See WorkflowStore.create."""
        workflow_id = uuid7()
        async with self._database.write() as transaction:
            count = select(func.count()).select_from(workflows).where(_w.owner == owner)
            if (await transaction.connection.execute(count)).scalar_one() >= limit:
                text = f"you have {limit} workflows, which is the most: delete some"
                raise ResourceExhaustedError("WORKFLOWS_FULL", text)
            now = await transaction.now_us()
            values = {
                "id": workflow_id, "owner": owner, "latest_version": 1, "published_version": 0, "create_us": now
            }  # fmt: skip
            await transaction.connection.execute(insert(workflows).values(values))
            await _insert_version(transaction, workflow_id, 1, definition, node_count, now)
        return await self._stored(workflow_id)

    async def add_version(
        self, owner: str, workflow_id: str, definition: Definition, node_count: int, *, expected_version: int | None
    ) -> Workflow:
        """See WorkflowStore.add_version."""
        async with self._database.write() as transaction:
            latest = await _lock(transaction, owner, workflow_id)
            if expected_version is not None and expected_version != latest:
                text = f"version {latest} is the newest: read it, and send the change again"
                raise FailedPreconditionError(
                    "VERSION_CONFLICT", text, metadata={"latest_version": str(latest)}, http_status=412
                )
            now = await transaction.now_us()
            change = update(workflows).where(_w.id == workflow_id).values(latest_version=latest + 1)
            await transaction.connection.execute(change)
            await _insert_version(transaction, workflow_id, latest + 1, definition, node_count, now)
        return await self._stored(workflow_id)

    async def get(self, workflow_id: str, version: int) -> Workflow | None:
        """See WorkflowStore.get."""
        wanted = version or _w.latest_version
        return await self._one(_WHOLE.where(_w.id == workflow_id, _v.version == wanted))

    async def page(self, owner: str, *, before: str, limit: int) -> tuple[Sequence[Workflow], bool]:
        """See WorkflowStore.page."""
        query = _LATEST.where(_w.owner == owner).order_by(_w.id.desc()).limit(limit + 1)
        found = await self._all(query.where(_w.id < before) if before else query)
        return found[:limit], len(found) > limit

    async def published(self) -> Sequence[Workflow]:
        """See WorkflowStore.published."""
        return await self._all(_PUBLISHED.where(_w.published_version > 0).order_by(_v.name, _w.id))

    async def publish(self, owner: str, workflow_id: str, *, withdraw: bool) -> Workflow:
        """See WorkflowStore.publish."""
        async with self._database.write() as transaction:
            latest = await _lock(transaction, owner, workflow_id)
            version = 0 if withdraw else latest
            change = update(workflows).where(_w.id == workflow_id).values(published_version=version)
            await transaction.connection.execute(change)
        return await self._stored(workflow_id)

    async def delete(self, owner: str, workflow_id: str) -> None:
        """See WorkflowStore.delete."""
        async with self._database.write() as transaction:
            await _lock(transaction, owner, workflow_id)
            await transaction.connection.execute(delete(workflow_versions).where(_v.workflow_id == workflow_id))
            await transaction.connection.execute(delete(workflows).where(_w.id == workflow_id))

    async def _stored(self, workflow_id: str) -> Workflow:
        workflow = await self.get(workflow_id, 0)
        if workflow is None:  # deleted since
            raise workflow_not_found(workflow_id)
        return workflow

    async def _one(self, query: Select[Any]) -> Workflow | None:
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _workflow(row, row.graph)

    async def _all(self, query: Select[Any]) -> list[Workflow]:
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [_workflow(row, "") for row in rows]


async def _lock(transaction: Transaction, owner: str, workflow_id: str) -> int:
    """Locks a workflow of the owner and returns its newest version. Raises NotFoundError."""
    query = select(_w.latest_version).where(_w.id == workflow_id, _w.owner == owner).with_for_update()
    latest: int | None = (await transaction.connection.execute(query)).scalar()
    if latest is None:
        raise workflow_not_found(workflow_id)
    return latest


async def _insert_version(
    transaction: Transaction, workflow_id: str, version: int, definition: Definition, node_count: int, now_us: int
) -> None:
    values = {
        "workflow_id": workflow_id,
        "version": version,
        "name": definition.name,
        "description": definition.description,
        "graph": definition.graph,
        "inputs": json.dumps([asdict(typed) for typed in definition.inputs]),
        "outputs": json.dumps([asdict(output) for output in definition.outputs]),
        "node_count": node_count,
        "create_us": now_us,
    }
    await transaction.connection.execute(insert(workflow_versions).values(values))


def _workflow(row: Row[Any], graph: str) -> Workflow:
    definition = Definition(
        name=row.name,
        description=row.description,
        graph=graph,
        inputs=tuple(map(_typed_input, json.loads(row.inputs))),
        outputs=tuple(NamedOutput(**output) for output in json.loads(row.outputs)),
    )
    return Workflow(
        id=row.id,
        owner=row.owner,
        version=row.version,
        latest_version=row.latest_version,
        published_version=row.published_version,
        definition=definition,
        node_count=row.node_count,
        create_us=row.create_us,
        update_us=row.update_us,
    )


def _typed_input(values: dict[str, Any]) -> TypedInput:
    targets = tuple(InputPath(**target) for target in values["targets"])
    typed = values | {"type": InputType(values["type"]), "targets": targets, "choices": tuple(values["choices"])}
    return TypedInput(**typed)
