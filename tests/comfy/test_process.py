"""`atelier comfy` as people start and kill it: flags, packs, real hosts, `kill -9`."""

import asyncio
import signal
import socket
from pathlib import Path

import psutil

from tests.comfy.comfy_client import comfy_client
from tests.comfy.comfy_process import comfy_process, extra_paths_file, free_port, loaded_by, run_command
from tests.comfy.graphs import failing, gated, shown
from tests.support.wait import eventually

WAIT_S = 60.0

SLOW_PACK = """
import time
from pathlib import Path

while not Path({gate!r}).exists():
    time.sleep(0.01)
NODE_CLASS_MAPPINGS = {{}}
"""


async def test_http_is_served_and_prompts_wait_while_packs_are_loaded(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    packs = tmp_path / "custom_nodes"
    packs.mkdir()
    (packs / "slow.py").write_text(SLOW_PACK.format(gate=str(gate)))
    flags = ("--extra-model-paths-config", str(extra_paths_file(tmp_path)))
    async with comfy_process(tmp_path, *flags) as server, comfy_client(server.url) as client:
        submitting = asyncio.create_task(client.submit(shown(1)))
        assert await client.get("/queue") == {"queue_running": [], "queue_pending": []}
        assert (await client.get("/system_stats"))["system"]["argv"]
        assert not submitting.done()
        gate.touch()
        messages = await client.until_end(await submitting)
        assert "execution_success" in [message["type"] for message in messages]
        assert "Inc" in await client.get("/object_info")


async def test_a_killed_server_leaves_no_process_and_its_port_free(tmp_path: Path) -> None:
    flags = ("--extra-model-paths-config", str(extra_paths_file(tmp_path)))
    async with comfy_process(tmp_path, *flags) as server, comfy_client(server.url) as client:
        await client.submit(gated(tmp_path / "gate"))
        await eventually((tmp_path / "gate.waiting").exists, WAIT_S)
        children = server.children()
        assert children
        await server.kill()
        with socket.create_server(("127.0.0.1", server.port)):
            pass
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert alive == []


async def test_300_waiting_prompts_run_after_a_kill_and_the_history_is_there(tmp_path: Path) -> None:
    gate, port = tmp_path / "gate", free_port()
    flags = ("--hosts", "1", "--extra-model-paths-config", str(extra_paths_file(tmp_path)))
    async with comfy_process(tmp_path, *flags, port=port) as server, comfy_client(server.url) as client:
        done = await client.submit(shown(1))
        await client.until_end(done)
        before = await client.get("/history")
        running = await client.submit(gated(gate))
        waiting = [await client.submit(shown(number)) for number in range(300)]
        await eventually((tmp_path / "gate.waiting").exists, WAIT_S)
        await server.kill()
    async with comfy_process(tmp_path, *flags, port=port) as server, comfy_client(server.url) as client:
        assert await client.get("/history") == before
        queue = await client.get("/queue")
        assert [item[1] for item in (*queue["queue_running"], *queue["queue_pending"])] == [running, *waiting]
        gate.touch()

        async def all_have_run() -> bool:
            return bool(await client.get("/prompt") == {"exec_info": {"queue_remaining": 0}})

        await eventually(all_have_run, WAIT_S)
        history = await client.get("/history")
        assert list(history) == [done, running, *waiting]
        assert all(entry["status"]["status_str"] == "success" for entry in history.values())
        assert history[waiting[-1]]["outputs"] == {"s": {"text": ["300"]}}


async def test_an_interrupt_does_not_wait_for_the_node_that_runs(tmp_path: Path) -> None:
    flags = ("--extra-model-paths-config", str(extra_paths_file(tmp_path)))
    async with comfy_process(tmp_path, *flags) as server, comfy_client(server.url) as client:
        prompt_id = await client.submit(shown(1, 600.0))
        await client.until("executing", node="0")
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await client.post("/interrupt", {"prompt_id": prompt_id})
        await client.until_end(prompt_id)
        assert loop.time() - begun < 5.0
        assert (await client.run(shown(1)))["outputs"] == {"s": {"text": ["2"]}}


async def test_a_node_that_ends_its_process_fails_its_prompt_with_the_node_named(tmp_path: Path) -> None:
    flags = ("--extra-model-paths-config", str(extra_paths_file(tmp_path)))
    async with comfy_process(tmp_path, *flags) as server, comfy_client(server.url) as client:
        entry = await client.run(failing("kill"))
        kind, error = entry["status"]["messages"][-1]
        assert (kind, error["node_id"], error["node_type"]) == ("execution_error", "0", "Fail")
        assert (await client.run(shown(1)))["outputs"] == {"s": {"text": ["2"]}}


async def test_a_server_stops_with_its_hosts_on_a_signal_and_continues_after_a_restart(tmp_path: Path) -> None:
    gate, port = tmp_path / "gate", free_port()
    flags = ("--extra-model-paths-config", str(extra_paths_file(tmp_path)))
    async with comfy_process(tmp_path, *flags, port=port) as server, comfy_client(server.url) as client:
        running = await client.submit(gated(gate))
        await eventually((tmp_path / "gate.waiting").exists, WAIT_S)
        children = server.children()
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(server.process.wait(), 20) == 0
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, 10)
        assert alive == []
    gate.touch()
    async with comfy_process(tmp_path, *flags, port=port) as server, comfy_client(server.url) as client:
        entry = await eventually(lambda: client.get(f"/history/{running}"), WAIT_S)
        assert entry[running]["status"]["status_str"] == "success"


async def test_two_servers_do_not_share_a_state(tmp_path: Path) -> None:
    state = ("--state-directory", str(tmp_path / "state"))
    async with comfy_process(tmp_path, *state):
        code, errors = await run_command("--base-directory", str(tmp_path), "--port", "0", *state)
    assert code == 2
    assert "another server uses" in errors


async def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    code, errors = await run_command("--listen", "192.0.2.7", "--lowvram")
    assert code == 2
    assert errors.splitlines()[0] == "atelier comfy: ignored, they mean nothing here: --lowvram"
    assert "whoever reaches the port can run code" in errors.splitlines()[1]
    code, errors = await run_command("--extra-model-paths-config", str(tmp_path / "none.yaml"))
    assert (code, len(errors.splitlines())) == (2, 1)


def test_the_server_loads_no_torch_and_no_node() -> None:
    loaded = loaded_by("atelier_comfy.main")
    assert "aiohttp" in loaded
    assert not loaded & {"torch", "diffusers", "transformers", "alembic", "atelier_nodes.builtin"}
