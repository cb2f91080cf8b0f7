"""Prompts over HTTP and WebSocket: submitted, watched, fetched, deleted, interrupted."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from tests.comfy.comfy_client import ComfyClient, comfy_client
from tests.comfy.conftest import StartServer
from tests.comfy.engine_pool import EnginePool
from tests.comfy.graphs import failing, gated, shown
from tests.support.wait import eventually

WAIT_S = 20.0


async def runs(gate: Path) -> None:
    """Waits until the gate's node runs."""
    await eventually(Path(f"{gate}.waiting").exists, WAIT_S)


def state_of(node: str, value: float, state: str, prompt_id: str) -> dict[str, Any]:
    return {
        node: {
            "value": value,
            "max": 1.0,
            "state": state,
            "node_id": node,
            "prompt_id": prompt_id,
            "display_node_id": node,
            "parent_node_id": None,
            "real_node_id": node,
        }
    }


async def test_a_graph_of_two_nodes_sends_the_messages_that_the_original_sends(client: ComfyClient) -> None:
    prompt_id = await client.submit(shown())
    messages = await client.until_end(prompt_id)
    sent = [(message["type"], {k: v for k, v in message["data"].items() if k != "timestamp"}) for message in messages]
    of_prompt = {"prompt_id": prompt_id}

    def progress(*states: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "progress_state", {
            **of_prompt,
            "nodes": {name: node for state in states for name, node in state.items()},
        }

    def status(remaining: int) -> tuple[str, dict[str, Any]]:
        return "status", {"status": {"exec_info": {"queue_remaining": remaining}}}

    assert sent == [
        status(1),
        status(1),
        ("execution_start", of_prompt),
        ("execution_cached", {"nodes": [], **of_prompt}),
        progress(state_of("0", 0.0, "running", prompt_id)),
        ("executing", {"node": "0", "display_node": "0", **of_prompt}),
        progress(state_of("0", 1.0, "finished", prompt_id)),
        progress(state_of("s", 0.0, "running", prompt_id)),
        ("executing", {"node": "s", "display_node": "s", **of_prompt}),
        ("executed", {"node": "s", "display_node": "s", "output": {"text": ["424243"]}, **of_prompt}),
        progress(state_of("s", 1.0, "finished", prompt_id)),
        ("execution_success", of_prompt),
        status(0),
        ("executing", {"node": None, **of_prompt}),
    ]
    assert all("timestamp" in message["data"] for message in messages if message["type"].startswith("execution_"))


async def test_the_history_has_the_prompt_when_its_end_arrives_in_the_originals_shape(client: ComfyClient) -> None:
    prompt_id = await client.submit(shown())
    assert await client.get(f"/history/{uuid.uuid4()}") == {}
    await client.until_end(prompt_id)
    entry = (await client.get(f"/history/{prompt_id}"))[prompt_id]
    number, name, graph, extra_data, outputs = entry["prompt"]
    assert (number, name, graph, outputs) == (0, prompt_id, shown(), ["s"])
    assert set(extra_data) == {"client_id", "create_time"}
    assert entry["outputs"] == {"s": {"text": ["424243"]}}
    assert entry["meta"] == {"s": {"node_id": "s", "display_node": "s", "parent_node": None, "real_node_id": "s"}}
    assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("success", True)
    assert [kind for kind, _ in entry["status"]["messages"]] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]
    assert await client.get("/api/history") == await client.get("/history") == {prompt_id: entry}


async def test_a_failing_node_ends_its_prompt_with_an_error_and_with_the_end(client: ComfyClient) -> None:
    prompt_id = await client.submit(failing())
    messages = await client.until_end(prompt_id)
    error = next(message["data"] for message in messages if message["type"] == "execution_error")
    assert (error["node_id"], error["node_type"], error["prompt_id"]) == ("0", "Fail", prompt_id)
    assert "ValueError" in error["exception_type"]
    assert error["exception_message"].strip() == "this node always fails"
    entry = (await client.get(f"/history/{prompt_id}"))[prompt_id]
    assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
    assert entry["status"]["messages"][-1][0] == "execution_error"


async def test_a_node_that_exits_ends_its_prompt_alone(client: ComfyClient) -> None:
    entry = await client.run(failing("exit"))
    assert entry["status"]["status_str"] == "error"
    assert (await client.run(shown(1)))["outputs"] == {"s": {"text": ["2"]}}


async def test_two_clients_receive_messages_of_their_own_prompts_alone(start_server: StartServer) -> None:
    async with start_server() as url, comfy_client(url) as one, comfy_client(url) as two:
        first, second = await asyncio.gather(one.submit(shown(1, 0.05)), two.submit(shown(2, 0.05)))
        heard = await asyncio.gather(one.until_end(first), two.until_end(second))
    for messages, own in zip(heard, (first, second), strict=True):
        ids = {message["data"]["prompt_id"] for message in messages if message["type"] != "status"}
        assert ids == {own}


async def test_without_a_client_id_only_progress_is_sent_to_all_clients(client: ComfyClient) -> None:
    status, answer = await client.post("/prompt", {"prompt": shown()})
    assert status == 200
    await eventually(lambda: client.get(f"/history/{answer['prompt_id']}"), WAIT_S)
    await client.submit(shown(7))
    kinds = []
    while (message := await client.message())["type"] != "execution_start":
        kinds.append(message["type"])
    assert set(kinds) == {"status", "progress_state"}


async def test_prompts_run_by_number_and_those_to_the_front_first(client: ComfyClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await client.submit(gated(gate))
    await runs(gate)
    await client.submit(shown(1), number=50)
    await client.submit(shown(2))
    await client.submit(shown(3), front=True)
    queue = await client.get("/queue")
    assert [len(item) for item in queue["queue_running"]] == [5]
    assert [item[2]["0"]["inputs"]["v"] for item in queue["queue_pending"]] == [3, 2, 1]
    assert [item[0] for item in queue["queue_pending"]] == [-3, 2, 50]
    assert await client.get("/prompt") == {"exec_info": {"queue_remaining": 4}}
    gate.touch()


async def test_waiting_prompts_are_deleted_and_cleared(client: ComfyClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    running = await client.submit(gated(gate))
    await runs(gate)
    ids = [await client.submit(shown(number)) for number in range(3)]
    assert (await client.post("/queue", {"delete": [ids[1], running]}))[0] == 200
    assert [item[1] for item in (await client.get("/queue"))["queue_pending"]] == [ids[0], ids[2]]
    await client.post("/queue", {"clear": True})
    queue = await client.get("/queue")
    assert (queue["queue_pending"], [item[1] for item in queue["queue_running"]]) == ([], [running])
    gate.touch()
    await client.until_end(running)
    assert list(await client.get("/history")) == [running]


async def test_an_interrupt_ends_what_runs_and_is_sent_to_all_clients(
    client: ComfyClient, url: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with comfy_client(url) as other:
        prompt_id = await client.submit(gated(gate))
        await runs(gate)
        assert (await client.post("/interrupt", {"prompt_id": str(uuid.uuid4())}))[0] == 200
        assert (await client.post("/interrupt"))[0] == 200
        gate.touch()  # the pool of these tests cannot end a node that runs
        await client.until("execution_interrupted", prompt_id=prompt_id)
        await client.until_end(prompt_id)
        await other.until("execution_interrupted", prompt_id=prompt_id)
    entry = (await client.get(f"/history/{prompt_id}"))[prompt_id]
    assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("error", False)
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    assert (await client.get(f"/api/jobs/{prompt_id}"))["status"] == "cancelled"


async def test_a_socket_with_the_same_id_replaces_the_old_one_and_receives_what_runs(
    client: ComfyClient, url: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    prompt_id = await client.submit(gated(gate))
    await runs(gate)
    await client.until("executing", node="g")
    async with comfy_client(url, client.client_id) as again:
        states = await again.until("progress_state")
        assert states["data"]["nodes"] == state_of("g", 0.0, "running", prompt_id)
        await again.until("executing", node="g", prompt_id=prompt_id)
        async with asyncio.timeout(WAIT_S):
            while not client.socket.closed:
                await client.socket.receive()
        gate.touch()
        await again.until_end(prompt_id)


async def test_features_are_sent_once(client: ComfyClient) -> None:
    for _ in range(2):
        await client.socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
    flags = await client.until("feature_flags")
    assert flags["data"]["supports_preview_metadata"] is True
    await client.run(shown())


async def test_keys_of_accounts_reach_no_listing(client: ComfyClient) -> None:
    entry = await client.run(shown(), extra_data={"api_key_comfy_org": "secret", "mine": 1})
    assert entry["prompt"][3]["mine"] == 1
    assert "secret" not in str(entry)


async def test_history_is_deleted_and_cleared(client: ComfyClient) -> None:
    ids = []
    for number in range(3):
        ids.append(await client.submit(shown(number)))
        await client.until_end(ids[-1])
    assert list(await client.get("/history", max_items="2")) == ids[1:]
    assert list(await client.get("/history", max_items="1", offset="0")) == ids[:1]
    await client.post("/history", {"delete": [ids[0]]})
    assert list(await client.get("/history")) == ids[1:]
    await client.post("/history", {"clear": True})
    assert await client.get("/history") == {}


async def test_jobs_are_listed_and_cancelled(client: ComfyClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    done = await client.submit(shown())
    await client.until_end(done)
    running = await client.submit(gated(gate))
    await runs(gate)
    assert (await client.get(f"/api/jobs/{running}"))["execution_start_time"] > 0
    pending = await client.submit(shown(3))
    listed = await client.get("/api/jobs")
    assert [(job["id"], job["status"]) for job in listed["jobs"]] == [
        (pending, "pending"),
        (running, "in_progress"),
        (done, "completed"),
    ]
    assert listed["pagination"] == {"offset": 0, "limit": 1000, "total": 3, "has_more": False}
    assert (await client.get("/api/jobs", limit="1", status="completed,pending"))["pagination"]["has_more"]
    assert await client.status("/api/jobs", status="odd") == 400
    assert await client.status("/api/jobs", limit="0") == 400
    assert (await client.get(f"/api/jobs/{done}"))["outputs"] == {"s": {"text": ["424243"]}}
    assert await client.status("/api/jobs/unknown") == 404
    assert await client.status("/jobs") == 404
    assert await client.post(f"/api/jobs/{pending}/cancel") == (200, {"cancelled": True})
    assert await client.post(f"/api/jobs/{done}/cancel") == (200, {"cancelled": False})
    assert (await client.post("/api/jobs/unknown/cancel"))[0] == 404
    assert await client.post("/api/jobs/cancel", {"job_ids": [running, done]}) == (200, {"cancelled": [running]})
    gate.touch()
    await client.until_end(running)


async def test_a_prompt_waits_while_nodes_are_loaded(client: ComfyClient, pool: EnginePool) -> None:
    pool.loaded.clear()
    submitting = asyncio.create_task(client.submit(shown()))
    assert await client.get("/queue") == {"queue_running": [], "queue_pending": []}
    assert not submitting.done()
    pool.loaded.set()
    await client.until_end(await submitting)


async def test_queue_and_history_outlive_the_server(start_server: StartServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    flags = ("--hosts", "1", "--state-directory", str(tmp_path / "state"))
    async with start_server(*flags) as url, comfy_client(url) as client:
        done = await client.submit(shown())
        await client.until_end(done)
        ids = [await client.submit(gated(gate)), *[await client.submit(shown(number)) for number in range(3)]]
        await runs(gate)
        before = await client.get(f"/history/{done}")
        gate.touch()
    async with start_server(*flags) as url, comfy_client(url) as client:

        async def all_have_run() -> bool:
            return len(await client.get("/history")) == 5

        assert await client.get(f"/history/{done}") == before
        await eventually(all_have_run, WAIT_S)
        assert list(await client.get("/history")) == [done, *ids]


async def test_memory_is_let_go_of(client: ComfyClient, pool: EnginePool) -> None:
    assert (await client.post("/free", {"unload_models": True}))[0] == 200
    assert pool.freed == [(True, False)]


async def test_a_prompt_is_posted_without_a_socket(url: str) -> None:
    async with ClientSession() as session, session.post(f"{url}/api/prompt", json={"prompt": shown()}) as response:
        answer = await response.json()
    assert (response.status, answer["number"], answer["node_errors"]) == (200, 0, {})
