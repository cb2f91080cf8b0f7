"""Queue and history in SQLite."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from atelier_comfy.job_listing import JobFilter, job_of_row, whole_job_of_row
from atelier_comfy.prompt import Ended, Prompt
from atelier_comfy.prompt_store import PromptStore, StateVersionError
from atelier_service.database import create_engine

PICTURE = {"9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}}


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(f"sqlite:///{tmp_path}/prompts.sqlite")
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def store(engine: AsyncEngine) -> PromptStore:
    store = PromptStore(engine, history_limit=3)
    await store.open()
    return store


def prompt(name: str, number: float = 0.0, **extra_data: object) -> Prompt:
    return Prompt(
        0, number, name, {"1": {"class_type": "A", "inputs": {"seed": 2**64 - 1}}}, extra_data, {"key": "s"}, ["1"]
    )


def ended(
    outcome: str = "success", start_ms: int = 5, end_ms: int = 9, outputs: Mapping[str, object] = PICTURE
) -> Ended:
    return Ended(outcome, outputs, {}, [("execution_start", {"prompt_id": "x"})], start_ms, end_ms)


async def add(store: PromptStore, *prompts: Prompt) -> None:
    for created_ms, item in enumerate(prompts):
        await store.add(item, created_ms)


async def run_next(store: PromptStore, how: Ended | None = None) -> str:
    claimed = await store.claim(7)
    assert claimed is not None
    await store.finish(claimed, how or ended())
    return claimed.id


async def ids_of(store: PromptStore, max_items: int | None = None, offset: int = -1) -> list[str]:
    return [name async for name, _ in store.history(max_items, offset)]


async def test_prompts_are_claimed_by_number_and_then_by_arrival(store: PromptStore) -> None:
    await add(store, prompt("later", 2.0), prompt("first", 1.0), prompt("second", 1.0), prompt("front", -3.0))
    assert [await run_next(store) for _ in range(4)] == ["front", "first", "second", "later"]
    assert await store.claim(7) is None


async def test_a_claimed_prompt_is_the_one_that_was_added(store: PromptStore) -> None:
    await add(store, prompt("a", 1.0, client_id="me"))
    claimed = await store.claim(7)
    assert claimed is not None
    assert claimed.graph["1"]["inputs"]["seed"] == 2**64 - 1
    assert (claimed.client_id, claimed.sensitive, claimed.outputs, claimed.attempts) == ("me", {"key": "s"}, ["1"], 1)


async def test_a_prompt_whose_id_runs_waits_for_its_end(store: PromptStore) -> None:
    await add(store, prompt("twin"), prompt("twin"), prompt("other"))
    first = await store.claim(7)
    second = await store.claim(7)
    assert first is not None
    assert second is not None
    assert (first.id, second.id) == ("twin", "other")
    assert await store.claim(7) is None
    await store.finish(first, ended())
    assert await run_next(store) == "twin"
    assert await ids_of(store) == ["twin"]


async def test_what_was_running_waits_again_when_the_file_is_opened(store: PromptStore, engine: AsyncEngine) -> None:
    await add(store, prompt("a", 0.0), prompt("b", 1.0))
    await store.claim(7)
    again = PromptStore(engine)
    assert await again.open() == 2
    assert await again.remaining() == 2
    claimed = await again.claim(7)
    assert claimed is not None
    assert (claimed.id, claimed.attempts) == ("a", 2)


async def test_a_file_of_another_version_is_refused(store: PromptStore, engine: AsyncEngine) -> None:
    await PromptStore(engine).open()
    async with engine.begin() as db:
        await db.execute(sa.text("PRAGMA user_version = 9"))
    with pytest.raises(StateVersionError, match="version 9"):
        await PromptStore(engine).open()


async def test_a_prompt_that_is_put_back_has_not_run(store: PromptStore) -> None:
    await add(store, prompt("a"))
    claimed = await store.claim(7)
    assert claimed is not None
    await store.put_back(claimed)
    claimed = await store.claim(7)
    assert claimed is not None
    assert claimed.attempts == 1


async def test_the_queue_lists_five_values_a_prompt_and_no_secret(store: PromptStore) -> None:
    await add(store, prompt("a", 1.0), prompt("b", 0.5))
    await store.claim(7)
    graph = '{"1":{"class_type":"A","inputs":{"seed":18446744073709551615}}}'
    assert await store.listing("running") == [f'[0.5,"b",{graph},{{}},["1"]]']
    assert await store.listing("waiting") == [f'[1,"a",{graph},{{}},["1"]]']


async def test_dropping_takes_what_waits_and_leaves_what_runs(store: PromptStore) -> None:
    await add(store, prompt("runs", 0.0), prompt("a", 1.0), prompt("b", 1.0))
    await store.claim(7)
    assert await store.drop_waiting(["a", "runs", "unknown"]) == ["a"]
    assert await store.drop_waiting(None) == ["b"]
    assert await store.remaining() == 1


async def test_the_history_forgets_the_oldest_over_its_limit(store: PromptStore) -> None:
    await add(store, *(prompt(name) for name in "abcde"))
    for _ in range(5):
        await run_next(store)
    assert await ids_of(store) == ["c", "d", "e"]


@pytest.mark.parametrize(
    ("max_items", "offset", "names"),
    [(None, -1, "abc"), (2, -1, "bc"), (2, 0, "ab"), (5, 1, "bc"), (0, -1, ""), (None, 2, "c"), (None, 9, "")],
)
async def test_the_history_is_read_in_parts(store: PromptStore, max_items: int | None, offset: int, names: str) -> None:
    await add(store, *(prompt(name) for name in "abc"))
    for _ in range(3):
        await run_next(store)
    assert await ids_of(store, max_items, offset) == list(names)


async def test_an_entry_of_the_history_has_comfyuis_shape(store: PromptStore) -> None:
    await add(store, prompt("a", 4.0))
    await run_next(store)
    assert await store.entry("a") == (
        '{"prompt":[4,"a",{"1":{"class_type":"A","inputs":{"seed":18446744073709551615}}},{},["1"]],'
        '"outputs":{"9":{"images":[{"filename":"a.png","subfolder":"","type":"output"}]}},'
        '"status":{"status_str":"success","completed":true,"messages":[["execution_start",{"prompt_id":"x"}]]},"meta":{}}'
    )
    assert await store.entry("b") is None


async def test_forgetting_leaves_the_queue_alone(store: PromptStore) -> None:
    await add(store, prompt("a"), prompt("b"), prompt("c"))
    await run_next(store)
    await run_next(store)
    assert await store.forget(["a", "c"]) == ["a"]
    assert await store.forget(None) == ["b"]
    assert await store.remaining() == 1


async def test_jobs_are_filtered_sorted_and_paged(store: PromptStore) -> None:
    await add(store, *(prompt(name) for name in "abcd"))
    await run_next(store, ended("success", 0, 30))
    await run_next(store, ended("error", 0, 10))
    await store.claim(7)

    async def listed(**query: str) -> tuple[list[str], int]:
        rows, total = await store.jobs(JobFilter.of_query(query))
        return [f"{row.prompt_id} {job_of_row(row)['status']}" for row in rows], total

    assert await listed() == (["d pending", "c in_progress", "b failed", "a completed"], 4)
    assert await listed(status="completed,failed", sort_order="asc") == (["a completed", "b failed"], 2)
    assert await listed(status="completed,failed", sort_by="execution_duration") == (["a completed", "b failed"], 2)
    assert await listed(limit="1", offset="1") == (["c in_progress"], 4)


async def test_a_job_shows_its_picture_and_its_workflow(store: PromptStore) -> None:
    await add(store, prompt("a", extra_pnginfo={"workflow": {"id": "w"}}))
    temp = {"filename": "t.png", "subfolder": "", "type": "temp"}
    await run_next(
        store, ended(outputs={**PICTURE, "12": {"images": [temp], "animated": [True]}, "13": {"text": ["x"]}})
    )
    job = whole_job_of_row(await store.job("a"))
    assert (job["outputs_count"], job["previewable_outputs_count"]) == (3, 2)
    assert job["preview_output"] == {**PICTURE["9"]["images"][0], "nodeId": "9", "mediaType": "images"}
    assert (job["workflow_id"], job["status"], job["outputs"]["13"]) == ("w", "completed", {"text": ["x"]})
    rows, total = await store.jobs(JobFilter.of_query({"workflow_id": "other"}))
    assert (list(rows), total) == ([], 0)


async def test_text_that_has_no_encoding_is_stored_as_the_escape_that_it_came_as(store: PromptStore) -> None:
    workflow = {"workflow": {"id": "w\ud800"}}
    await store.add(replace(prompt("a", extra_pnginfo=workflow), graph={"1": {"inputs": {"text": "\ud800"}}}), 1)
    (waiting,) = await store.listing("waiting")
    assert "\\ud800" in waiting
    row = await store.job("a")
    assert row is not None
    assert job_of_row(row)["workflow_id"] == "w?"
