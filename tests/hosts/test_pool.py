"""The pool: how hosts are chosen, shared, started and replaced, and what they serve besides graphs."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from atelier_graph.events import NodeProgress, NodeStarted
from atelier_nodes.mesh import ModelInfo
from atelier_nodes.pool.catalogue import PackRequest
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.pool.host_pool import open_pool
from atelier_nodes.protocol.messages import PackMessage
from tests.hosts.bench import PACK, Bench, execution_of, folders_in, node, options_in
from tests.hosts.mesh import MemoryMesh
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVING = """
from aiohttp import web
from server import PromptServer

@PromptServer.instance.routes.post("/serving/{name}")
async def serve(request):
    PromptServer.instance.send_sync("serving", {"name": request.match_info["name"]}, "client")
    body = await request.read()
    return web.Response(
        body=body + request.query["more"].encode(), status=201, headers={"X-Seen": request.headers["X-Sent"]}
    )

@PromptServer.instance.routes.get("/serving/broken")
async def broken(request):
    raise RuntimeError("a fault of the pack")

NODE_CLASS_MAPPINGS = {}
"""


@pytest.fixture(scope="module")
def messages() -> list[PackMessage]:
    """Messages of packs to clients."""
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory, messages: list[PackMessage]) -> AsyncIterator[Bench]:
    """Four hosts in the trusted mode of one person."""
    root = tmp_path_factory.mktemp("pool")
    (root / "serving.py").write_text(SERVING)
    options = options_in(
        root, hosts=4, warm_hosts=4, cache="classic", network=True, confine_files=False,
        pack_folders=(PACK, root / "serving.py"), models=[ModelInfo("first", "image")],
    )  # fmt: skip
    async with open_pool(options, messages.append) as pool:
        await pool.catalogue()
        yield Bench(pool)


async def test_the_catalogue_describes_nodes_and_packs(bench: Bench) -> None:
    catalogue = await bench.pool.catalogue()
    assert catalogue.classes["TroubleSay"]["output_node"] is True
    assert catalogue.classes["EmptyImage"]["input"]["required"]["width"][0] == "INT"
    packs = {pack.name: pack for pack in catalogue.packs}
    assert "TroubleSay" in packs["trouble"].nodes
    assert not packs["trouble"].error
    assert ("POST", "/serving/{name}") in [(route.method, route.path) for route in catalogue.routes]


async def test_a_graph_is_validated_by_its_packs(bench: Bench) -> None:
    answer = await bench.pool.validate(node("Stubborn", "0"))
    assert not answer.ok
    assert answer.node_errors["1"]["errors"][0]["type"] == "custom_validation_failed"
    answer = await bench.pool.validate(node("Say", 3))  # type: ignore[arg-type]
    assert answer.ok
    assert answer.outputs == ("1",)
    assert answer.prompt["1"]["inputs"]["text"] == "3"


@pytest.mark.parametrize("graph", [None, [], "x", {"1": "x"}, {"1": {"class_type": "Nothing", "inputs": {}}}, {}])
async def test_what_is_no_graph_is_refused(bench: Bench, graph: object) -> None:
    answer = await bench.pool.validate(graph)
    assert not answer.ok
    assert answer.error is not None
    assert answer.error["type"]


async def test_graphs_are_validated_while_hosts_are_busy(bench: Bench) -> None:
    running = [asyncio.create_task(bench.run(node("Sleep", "1"))) for _ in range(5)]
    answers = await asyncio.wait_for(asyncio.gather(*(bench.pool.validate(node("Say")) for _ in range(10))), 20)
    assert all(answer.ok for answer in answers)
    assert [(await each).status for each in running] == ["success"] * 5


async def test_graphs_of_packs_run_side_by_side_in_hosts_of_their_own(bench: Bench) -> None:
    await eventually(lambda: bench.pool.host_count == 4, timeout_s=30)
    began = asyncio.get_running_loop().time()
    graph = {**node("Sleep", "1"), "2": {"class_type": "TroubleWhere", "inputs": {"text": ["1", 0]}}}
    outcomes = await asyncio.gather(*(bench.run(graph) for _ in range(4)))
    assert len({outcome.text("2")[0] for outcome in outcomes}) == 4
    assert asyncio.get_running_loop().time() - began < 3


async def test_the_next_graph_runs_where_caches_are_warm(bench: Bench) -> None:
    counts = [(await bench.run(node("Count"))).text() for _ in range(3)]
    assert counts == [["1"], ["2"], ["3"]]


async def test_nothing_passes_between_scopes(bench: Bench) -> None:
    first = (await bench.run(node("Count"), scope="alice")).text()
    other = (await bench.run(node("Count"), scope="bob")).text()
    assert (first, other) == (["1"], ["1"])
    assert (await bench.run(node("Count"), scope="bob")).text() == ["2"]


async def test_graphs_of_built_in_nodes_share_a_host(bench: Bench) -> None:
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    outcomes = await asyncio.gather(*(bench.run(graph, outputs=["2"]) for _ in range(20)))
    assert [outcome.status for outcome in outcomes] == ["success"] * 20


async def test_an_interrupt_reaches_a_graph_that_waits_for_a_host(bench: Bench) -> None:
    running = [asyncio.create_task(bench.run(node("Sleep", "2"))) for _ in range(4)]
    await eventually(lambda: sum(bool(host.running) for host in bench.pool.hosts) == 4)
    waiting = execution_of(node("Say"))
    task = asyncio.create_task(bench.pool.run(waiting, MemoryMesh(), lambda _: None))
    await eventually(lambda: bench.pool.interrupt(waiting.id))
    assert (await asyncio.wait_for(task, 1)).status == "interrupted"
    assert not bench.pool.interrupt(waiting.id)
    assert [(await each).status for each in running] == ["success"] * 4


async def test_a_call_cancelled_at_any_moment_leaves_its_host_to_others(tmp_path: Path) -> None:
    async with open_pool(options_in(tmp_path, hosts=1)) as pool:
        bench = Bench(pool)
        await bench.run(node("Say", "ready"))
        for turns in range(12):  # the graph begins in one of the first turns of the event loop
            running = asyncio.create_task(bench.run(node("Say", "cancelled")))
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            async with asyncio.timeout(20):
                assert (await bench.run(node("Say", "next"))).text() == ["next"]


async def test_the_time_limit_of_a_graph_does_not_count_its_wait_for_a_host(tmp_path: Path) -> None:
    async with open_pool(options_in(tmp_path, hosts=1)) as pool:
        bench = Bench(pool)
        first = asyncio.create_task(bench.run(node("Sleep", "2")))
        second = await bench.run(node("Sleep", "0.1"), time_limit_s=1.5)
        assert (await first).status == second.status == "success"


async def test_an_execution_runs_once_at_a_time(bench: Bench) -> None:
    execution = execution_of(node("Sleep", "0.5"))
    running = asyncio.create_task(bench.pool.run(execution, MemoryMesh(), lambda _: None))
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="runs already"):
        await bench.pool.run(execution, MemoryMesh(), lambda _: None)
    assert (await running).status == "success"


async def test_a_node_draws_through_the_mesh_of_its_execution(bench: Bench) -> None:
    mesh = MemoryMesh()
    outcome = await bench.run(node("Draw", "a cat"), mesh)
    assert outcome.text() == ["picture of a cat"]
    assert [(call.node_id, dict(call.parameters)) for call in mesh.calls] == [("1", {"prompt": "a cat", "steps": 3})]
    assert [event.value for event in outcome.events if isinstance(event, NodeProgress)] == [1, 2, 3]


async def test_a_node_stores_and_reads_assets(bench: Bench) -> None:
    mesh = MemoryMesh()
    assert (await bench.run(node("Keep", "a text"), mesh)).text() == ["asset-1", "a text"]
    assert mesh.assets == {"asset-1": b"a text"}


async def test_calls_of_one_graph_run_at_once(bench: Bench) -> None:
    mesh = MemoryMesh()
    graph = {str(number): node("Draw", "wait")["1"] for number in range(10)}
    running = asyncio.create_task(bench.run(graph, mesh))
    await eventually(lambda: mesh.waiting == 10)
    mesh.go_on.set()
    assert (await running).status == "success"


@pytest.mark.parametrize(("prompt", "reason"), [("refuse", "MODEL_NOT_FOUND"), ("break", "INTERNAL")])
async def test_a_call_that_fails_fails_its_node(bench: Bench, prompt: str, reason: str) -> None:
    outcome = await bench.run(node("Draw", prompt), MemoryMesh())
    assert outcome.failure.node_id == "1"
    assert reason in outcome.failure.exception_message


async def test_an_interrupt_cancels_the_calls_of_its_graph(bench: Bench) -> None:
    mesh = MemoryMesh()
    execution = execution_of(node("Draw", "wait"))
    running = asyncio.create_task(bench.pool.run(execution, mesh, lambda _: None))
    await eventually(lambda: mesh.waiting == 1)
    began = asyncio.get_running_loop().time()
    bench.pool.interrupt(execution.id)
    assert (await running).status == "interrupted"
    assert asyncio.get_running_loop().time() - began < 2
    await eventually(lambda: mesh.cancelled == 1)


async def test_packs_serve_routes(bench: Bench, messages: list[PackMessage]) -> None:
    response = await bench.pool.http(
        PackRequest("POST", "/serving/a b", "more=%21", (("X-Sent", "yes"), ("Content-Length", "99")), b"body")
    )
    assert (response.status, response.body) == (201, b"body!")
    assert ("X-Seen", "yes") in response.headers
    await eventually(lambda: messages)
    assert messages == [PackMessage("serving", {"name": "a b"}, "client")]
    assert (await bench.pool.http(PackRequest("GET", "/serving/broken"))).status == 500
    assert (await bench.pool.http(PackRequest("GET", "/nowhere"))).status == 404


async def test_memory_is_freed(bench: Bench) -> None:
    await bench.run(node("Count"), scope="free")
    await bench.pool.free(unload_models=True, free_memory=True)
    assert (await bench.run(node("Count"), scope="free")).text() == ["1"]


async def test_a_receiver_that_fails_ends_its_execution_alone(bench: Bench) -> None:
    def fail(event: object) -> None:
        if isinstance(event, NodeStarted):
            raise LookupError("a fault of the caller")

    with pytest.raises(LookupError):
        await bench.pool.run(execution_of(node("Sleep", "0.2")), MemoryMesh(), fail)
    assert (await bench.run(node("Say", "x"))).text() == ["x"]


async def test_a_pack_that_ends_its_host_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "deadly.py").write_text("import os\nos._exit(7)\n")
    (tmp_path / "packs" / "trouble.py").write_text(PACK.read_text())
    async with open_pool(options_in(tmp_path, pack_folders=(tmp_path / "packs",))) as pool:
        catalogue = await asyncio.wait_for(pool.catalogue(), 60)
        packs = {pack.name: pack for pack in catalogue.packs}
        assert "exit status 7" in packs["deadly"].error
        assert "TroubleSay" in packs["trouble"].nodes
        assert (await Bench(pool).run(node("Say", "x"))).text() == ["x"]


async def test_a_pool_whose_hosts_cannot_start_raises_the_reason(tmp_path: Path) -> None:
    async with open_pool(options_in(tmp_path, cache="nonsense")) as pool:
        with pytest.raises(HostLostError, match="nonsense") as raised:
            await asyncio.wait_for(pool.catalogue(), 60)
    assert raised.value.reason == "HOST_NOT_STARTED"


async def test_spare_hosts_end_when_they_are_idle(tmp_path: Path) -> None:
    async with open_pool(options_in(tmp_path, hosts=2, idle_s=0.5)) as pool:
        await pool.catalogue()
        assert (await Bench(pool).run(node("Sleep", "0.1"))).status == "success"
        await eventually(lambda: pool.host_count == 2, timeout_s=30)
        await eventually(lambda: pool.host_count == 1, timeout_s=30)


async def test_folders_of_an_execution_are_its_own(tmp_path: Path) -> None:
    own, others = folders_in(tmp_path / "root" / "own"), folders_in(tmp_path / "root" / "others")
    (others.output / "secret").write_text("hunter2")
    async with open_pool(options_in(tmp_path / "default", root=tmp_path / "root")) as pool:
        bench = Bench(pool)
        assert (await bench.run(node("Write", "a.txt"), folders=own)).text() == [str(own.output / "a.txt")]
        assert (await bench.run(node("Read", str(own.output / "a.txt")), folders=own)).status == "success"
        assert (await bench.run(node("LeaveFile"), folders=own)).status == "success"
        for name, path in (("Read", others.output / "secret"), ("Write", others.output / "b.txt")):
            outcome = await bench.run(node(name, str(path)), folders=own)
            assert outcome.failure.exception_type == "PermissionError"
        assert (await bench.run(node("Fork", ""), folders=own)).status == "success"


async def test_hosts_are_loaded_ahead(tmp_path: Path) -> None:
    async with open_pool(options_in(tmp_path, hosts=3, warm_hosts=2, idle_s=0)) as pool:
        await pool.catalogue()
        await eventually(lambda: pool.host_count == 2, timeout_s=30)


async def test_a_pack_that_starts_threads_gets_hosts_that_are_not_forked(tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "busy.py").write_text(
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "NODE_CLASS_MAPPINGS = {}\n"
    )
    (tmp_path / "packs" / "trouble.py").write_text(PACK.read_text())
    async with open_pool(options_in(tmp_path, hosts=2, warm_hosts=2, pack_folders=(tmp_path / "packs",))) as pool:
        await eventually(lambda: pool.host_count == 2, timeout_s=60)
        first, second = await asyncio.gather(*(Bench(pool).run(node("Sleep", "0.2")) for _ in range(2)))
        assert (first.status, second.status) == ("success", "success")
        assert (await Bench(pool).run(node("Exit"))).status == "error"
        assert (await Bench(pool).run(node("Say", "x"))).text() == ["x"]


async def test_hosts_come_back_after_all_of_them_were_killed(tmp_path: Path) -> None:
    async with open_pool(options_in(tmp_path, hosts=2)) as pool:
        await pool.catalogue()
        for process in psutil.Process().children():
            process.kill()
        await eventually(lambda: pool.host_count == 0)
        assert (await Bench(pool).run(node("Say", "x"))).text() == ["x"]


async def test_temporary_files_of_a_host_go_with_it(tmp_path: Path) -> None:
    async with open_pool(options_in(tmp_path)) as pool:
        (folder,) = (await Bench(pool).run(node("LeaveFile"))).text()
        assert is_there(folder)
        await Bench(pool).run(node("Exit"))
        await eventually(lambda: not is_there(folder))
    assert not is_there(os.path.dirname(folder))


def is_there(folder: str) -> bool:
    """Whether a folder exists."""
    return os.path.isdir(folder)
