"""The prompt store: queue and history in one SQLite table; a change is durable when its call returns."""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from atelier_comfy.job_listing import JobFilter
from atelier_comfy.prompt import Ended, OutputSummary, Prompt, compact

HISTORY_LIMIT = 10_000
_PAGE = 100
_VERSION = 1
_READ = {"readonly": True}

_METADATA = sa.MetaData()
prompts = sa.Table(
    "prompts",
    _METADATA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("number", sa.Float, nullable=False),
    sa.Column("prompt_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # waiting, running, or an outcome: success, error, interrupted
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("graph", sa.Text, nullable=False),
    sa.Column("extra_data", sa.Text, nullable=False),
    sa.Column("sensitive", sa.Text, nullable=False),
    sa.Column("output_nodes", sa.Text, nullable=False),
    sa.Column("workflow_id", sa.Text),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    # Of a prompt that has ended:
    sa.Column("ended_order", sa.Integer, unique=True),
    sa.Column("started_ms", sa.BigInteger),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Column("outputs", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("meta", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("outputs_count", sa.Integer),
    sa.Column("previewable_count", sa.Integer),
    sa.Column("preview", sa.Text),
    sa.Index("prompts_next", "state", "number", "seq"),
    sa.Index("prompts_id", "prompt_id"),
    sqlite_autoincrement=True,
)
_WAITING = prompts.c.state == "waiting"
_RUNNING = prompts.c.state == "running"
_ENDED = prompts.c.ended_order.is_not(None)


class StateVersionError(OSError):
    """The file was made by another version of this program."""


class PromptStore:
    """Queue and history of one server."""

    def __init__(self, engine: AsyncEngine, history_limit: int = HISTORY_LIMIT) -> None:
        self._engine = engine
        self._limit = history_limit

    async def open(self) -> int:
        """Creates the table if it does not exist, and returns prompts that were running to the queue.

        Returns:
            The number for the next prompt.

        Raises:
            StateVersionError: Another version of this program made the file.
        """
        async with self._engine.begin() as db:
            await _check_version(db)
            await db.run_sync(_METADATA.create_all)
            await db.execute(prompts.update().where(_RUNNING).values(state="waiting"))
            last = await db.scalar(sa.select(sa.func.max(prompts.c.seq)))
            highest = await db.scalar(
                sa.select(sa.func.max(sa.func.abs(prompts.c.number))).where(
                    _WAITING, prompts.c.number.between(-1e9, 1e9)
                )
            )
        return max(int(last or 0), int(highest or -1) + 1)

    async def add(self, prompt: Prompt, created_ms: int) -> None:
        """Stores a waiting prompt; the store assigns its `seq`."""
        async with self._engine.begin() as db:
            await db.execute(
                prompts.insert().values(
                    number=prompt.number,
                    prompt_id=prompt.id,
                    state="waiting",
                    graph=compact(prompt.graph),
                    extra_data=compact(prompt.extra_data),
                    sensitive=compact(prompt.sensitive),
                    output_nodes=compact(list(prompt.outputs)),
                    workflow_id=_workflow_id(prompt),
                    created_ms=created_ms,
                )
            )

    async def claim(self, now_ms: int) -> Prompt | None:
        """Marks the first waiting prompt as running and returns it; None when none waits.

        A prompt with the id of a running one waits for the end of that one.
        """
        running = prompts.alias()
        twin = sa.exists().where(running.c.prompt_id == prompts.c.prompt_id, running.c.state == "running")
        order = (prompts.c.number, prompts.c.seq)
        first = sa.select(prompts.c.seq).where(_WAITING, ~twin).order_by(*order).limit(1)
        async with self._engine.connect() as db:  # most calls find nothing, and need no lock
            reading = await db.execution_options(**_READ)
            seq = await reading.scalar(first)
        if seq is None:
            return None
        async with self._engine.begin() as db:
            row = (
                await db.execute(
                    prompts.update()
                    .where(prompts.c.seq == first.scalar_subquery())
                    .values(state="running", attempts=prompts.c.attempts + 1, started_ms=now_ms)
                    .returning(*_PROMPT)
                )
            ).one_or_none()
        return None if row is None else _prompt(row)

    async def put_back(self, prompt: Prompt) -> None:
        """Makes a running prompt wait again, as if it had not run."""
        values = {"state": "waiting", "attempts": prompts.c.attempts - 1}
        async with self._engine.begin() as db:
            await db.execute(prompts.update().where(prompts.c.seq == prompt.seq, _RUNNING).values(**values))

    async def finish(self, prompt: Prompt, ended: Ended) -> None:
        """Moves a prompt to the history, in place of an older entry with its id."""
        summary = OutputSummary.of(ended.outputs)
        async with self._engine.begin() as db:
            await db.execute(prompts.delete().where(_ENDED, prompts.c.prompt_id == prompt.id))
            order = (await db.scalar(sa.select(sa.func.max(prompts.c.ended_order))) or 0) + 1
            await db.execute(
                prompts.update()
                .where(prompts.c.seq == prompt.seq)
                .values(
                    state=ended.outcome,
                    sensitive="{}",
                    ended_order=order,
                    started_ms=ended.started_ms,
                    ended_ms=ended.ended_ms,
                    outputs=compact(ended.outputs),
                    status=compact(ended.status()),
                    meta=compact(ended.meta),
                    error=None if ended.error is None else compact(ended.error),
                    outputs_count=summary.count,
                    previewable_count=summary.previewable,
                    preview=None if summary.preview is None else compact(summary.preview),
                )
            )
            oldest = sa.select(prompts.c.ended_order).where(_ENDED).order_by(prompts.c.ended_order.desc())
            oldest_stored = oldest.offset(self._limit - 1).limit(1).scalar_subquery()
            await db.execute(prompts.delete().where(_ENDED, prompts.c.ended_order < oldest_stored))

    async def remaining(self) -> int:
        """Returns the number of prompts that wait or run."""
        return int(await self._read_one(sa.select(sa.func.count()).where(_WAITING | _RUNNING)) or 0)

    async def listing(self, state: str) -> list[str]:
        """JSON of each prompt in `state` (waiting, running), in the order in which they run."""
        query = sa.select(*_PROMPT).where(prompts.c.state == state).order_by(prompts.c.number, prompts.c.seq)
        async with self._engine.connect() as db:
            return [_tuple_json(row) for row in await (await db.execution_options(**_READ)).execute(query)]

    async def drop_waiting(self, ids: Collection[str] | None) -> list[str]:
        """Removes waiting prompts from the queue: those with these ids, or all; returns their ids."""
        chosen = _WAITING if ids is None else _WAITING & prompts.c.prompt_id.in_(ids)
        return await self._delete(chosen)

    async def forget(self, ids: Collection[str] | None) -> list[str]:
        """Removes entries from the history: those with these ids, or all; returns their ids."""
        return await self._delete(_ENDED if ids is None else _ENDED & prompts.c.prompt_id.in_(ids))

    async def history(self, max_items: int | None, offset: int) -> AsyncIterator[tuple[str, str]]:
        """Yields ids and JSON of entries, oldest first, read in pages.

        Args:
            max_items: At most so many; None for all.
            offset: Entries to leave out at the beginning; negative for the last `max_items`.
        """
        total = int(await self._read_one(sa.select(sa.func.count()).where(_ENDED)) or 0)
        if offset < 0:
            offset = 0 if max_items is None else max(0, total - max_items)
        left = total if max_items is None else max_items
        query = sa.select(*_PROMPT, *_ENTRY).where(_ENDED).order_by(prompts.c.ended_order)
        after = -1
        while left > 0:
            page = query.where(prompts.c.ended_order > after).limit(min(left, _PAGE)).offset(offset)
            async with self._engine.connect() as db:
                rows = (await (await db.execution_options(**_READ)).execute(page)).all()
            if not rows:
                return
            for row in rows:
                yield row.prompt_id, _entry_json(row)
            after, left, offset = rows[-1].ended_order, left - len(rows), 0

    async def entry(self, prompt_id: str) -> str | None:
        """JSON of one entry of the history; None when there is none."""
        query = sa.select(*_PROMPT, *_ENTRY).where(_ENDED, prompts.c.prompt_id == prompt_id)
        async with self._engine.connect() as db:
            row = (await (await db.execution_options(**_READ)).execute(query)).one_or_none()
        return None if row is None else _entry_json(row)

    async def state_of(self, prompt_id: str) -> str | None:
        """`waiting`, `running` or the outcome of the newest prompt with the id; None when there is none."""
        query = sa.select(prompts.c.state).where(prompts.c.prompt_id == prompt_id).order_by(prompts.c.seq.desc())
        state: str | None = await self._read_one(query.limit(1))
        return state

    async def jobs(self, wanted: JobFilter) -> tuple[Sequence[Any], int]:
        """Rows of one page of jobs, and how many there are in all pages."""
        condition: sa.ColumnElement[bool] = prompts.c.state.in_(wanted.states())
        if wanted.workflow_id is not None:
            condition &= prompts.c.workflow_id == wanted.workflow_id
        key = prompts.c.created_ms if wanted.sort_by == "created_at" else prompts.c.ended_ms - prompts.c.started_ms
        order = (key.desc(), prompts.c.seq.desc()) if wanted.descending else (key, prompts.c.seq)
        page = sa.select(*_JOB).where(condition).order_by(*order).limit(wanted.limit).offset(wanted.offset)
        async with self._engine.connect() as db:
            reading = await db.execution_options(**_READ)
            total = await reading.scalar(sa.select(sa.func.count()).select_from(prompts).where(condition))
            return (await reading.execute(page)).all(), int(total or 0)

    async def job(self, prompt_id: str) -> Any | None:
        """The row of the newest prompt with the id; None when there is none."""
        query = sa.select(prompts).where(prompts.c.prompt_id == prompt_id).order_by(prompts.c.seq.desc()).limit(1)
        async with self._engine.connect() as db:
            return (await (await db.execution_options(**_READ)).execute(query)).one_or_none()

    async def _delete(self, condition: sa.ColumnElement[bool]) -> list[str]:
        async with self._engine.begin() as db:
            gone = await db.execute(prompts.delete().where(condition).returning(prompts.c.prompt_id))
            return list(gone.scalars())

    async def _read_one(self, query: sa.Select[Any]) -> Any:
        async with self._engine.connect() as db:
            reading: AsyncConnection = await db.execution_options(**_READ)
            return await reading.scalar(query)


_PROMPT = [
    prompts.c[name]
    for name in ("seq", "number", "prompt_id", "graph", "extra_data", "sensitive", "output_nodes", "attempts")
]
_ENTRY = [prompts.c[name] for name in ("ended_order", "outputs", "status", "meta")]
_JOB = [column for column in prompts.c if column.name not in ("graph", "extra_data", "sensitive", "outputs", "meta")]


async def _check_version(db: AsyncConnection) -> None:
    """Compares the file's version with that of this code; sets it in a new file."""
    version = int(await db.scalar(sa.text("PRAGMA user_version")) or 0)
    if version == 0:
        await db.execute(sa.text(f"PRAGMA user_version = {_VERSION}"))
    elif version != _VERSION:
        raise StateVersionError(
            f"the queue and history are of version {version}, and this program reads version {_VERSION}: "
            "give it another --state-directory"
        )


def _prompt(row: Any) -> Prompt:
    return Prompt(
        row.seq,
        row.number,
        row.prompt_id,
        json.loads(row.graph),
        json.loads(row.extra_data),
        json.loads(row.sensitive),
        json.loads(row.output_nodes),
        row.attempts,
    )


def _tuple_json(row: Any) -> str:
    number = int(row.number) if row.number.is_integer() else row.number
    return f"[{number},{compact(row.prompt_id)},{row.graph},{row.extra_data},{row.output_nodes}]"


def _entry_json(row: Any) -> str:
    return f'{{"prompt":{_tuple_json(row)},"outputs":{row.outputs},"status":{row.status},"meta":{row.meta}}}'


def _workflow_id(prompt: Prompt) -> str | None:
    info = prompt.extra_data.get("extra_pnginfo")
    workflow = info.get("workflow") if isinstance(info, dict) else None
    name = workflow.get("id") if isinstance(workflow, dict) else None
    # SQLite takes no half of a surrogate pair, which JSON may hold.
    return name.encode(errors="replace").decode() if isinstance(name, str) else None
