"""What the server says of itself, of its nodes and of packs; and what it refuses."""

from pathlib import Path

import pytest
from aiohttp import ClientSession

from atelier_comfy.front_end import FrontEndError, front_end_folder
from tests.comfy.comfy_client import ComfyClient
from tests.comfy.conftest import StartServer
from tests.comfy.graphs import shown


async def test_node_classes_are_described_together_and_one_by_one(client: ComfyClient) -> None:
    every = await client.get("/api/object_info")
    assert set(every) == {"Inc", "Show", "Gate", "Fail", "Dots"}
    assert every["Inc"]["input"]["required"]["v"] == ["INT", {"default": 0}]
    assert every["Show"]["output_node"] is True
    assert await client.get("/object_info/Inc") == {"Inc": every["Inc"]}
    assert await client.get("/object_info/None") == {}


async def test_the_front_ends_first_requests_are_served(client: ComfyClient) -> None:
    assert await client.get("/api/users") == {"storage": "server", "migrated": True}
    assert await client.get("/api/extensions") == ["/extensions/cat-pack/sub/cat.js"]
    assert (await client.get("/api/features"))["supports_preview_metadata"] is True
    for path in ("i18n", "workflow_templates", "global_subgraphs", "node_replacements"):
        assert await client.get(f"/api/{path}") == {}
    stats = await client.get("/system_stats")
    assert stats["system"]["ram_total"] > stats["system"]["ram_free"] > 0
    assert [device["type"] for device in stats["devices"]] == ["cpu"]
    assert await client.get("/embeddings") == []
    assert {"checkpoints", "loras", "vae"} <= set(await client.get("/models"))
    assert await client.get("/models/checkpoints") == []
    assert await client.status("/models/none") == 404


async def test_files_of_packs_are_served_and_none_beside_them(client: ComfyClient, tmp_path: Path) -> None:
    (tmp_path / "secret.js").write_text("secret")
    async with client.session.get(f"{client.url}/extensions/cat-pack/sub/cat.js") as response:
        assert (response.status, await response.text()) == (200, "export const cat = 1;")
        assert response.content_type in ("text/javascript", "application/javascript")
    assert await client.status("/extensions/cat-pack/none.js") == 404
    assert await client.status("/extensions/other/sub/cat.js") == 404
    assert await client.status("/extensions/cat-pack/%2E%2E/secret.js") == 404


async def test_a_route_of_a_pack_is_served_by_its_host(client: ComfyClient) -> None:
    async with client.session.get(f"{client.url}/api/cats/tom?q=1") as response:
        assert (response.status, response.headers["X-Cat"]) == (201, "/cats/tom")
        assert (response.content_type, await response.text()) == ("text/plain", "GET q=1 ")
    async with client.session.post(f"{client.url}/cats", data=b"meow") as response:
        assert await response.text() == "POST  meow"
    assert await client.status("/cats/tom/paw") == 404
    assert (await client.post("/cats/tom"))[0] == 404


async def test_without_a_front_end_the_page_explains_how_to_install_one(client: ComfyClient) -> None:
    async with client.session.get(client.url) as response:
        assert "--front-end" in await response.text()


def test_a_folder_without_a_page_is_no_front_end(tmp_path: Path) -> None:
    with pytest.raises(FrontEndError, match=r"no index\.html"):
        front_end_folder(tmp_path)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{bad", "invalid_json"),
        (b"", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[]", "invalid_body"),
        (b"{}", "no_prompt"),
        (b'{"prompt": []}', "invalid_prompt"),
        (b'{"prompt": "x"}', "invalid_prompt"),
        (b'{"prompt": {"1": "x"}}', "invalid_node"),
        (b'{"prompt": {"1": {"class_type": 7}}}', "invalid_node"),
        (b'{"prompt": {"1": {"class_type": "Show", "inputs": []}}}', "invalid_node"),
        (b'{"prompt": {}}', "prompt_no_outputs"),
        (b'{"prompt": {"1": {"inputs": {}}}}', "missing_node_type"),
        (b'{"prompt": {"1": {"class_type": "Nope", "inputs": {}}}}', "missing_node_type"),
        (b'{"prompt": {"1": {"class_type": "Show"}}}', "prompt_outputs_failed_validation"),
        (b'{"prompt": {"1": {"class_type": "Show", "inputs": {"v": ["9", 0]}}}}', "prompt_outputs_failed_validation"),
    ],
)
async def test_an_invalid_prompt_is_refused_with_the_reason(client: ComfyClient, body: bytes, kind: str) -> None:
    async with client.session.post(f"{client.url}/prompt", data=body) as response:
        answer = await response.json()
    assert (response.status, answer["error"]["type"]) == (400, kind)
    assert set(answer) == {"error", "node_errors"}
    assert set(answer["error"]) == {"type", "message", "details", "extra_info"}
    assert ".py" not in str(answer)
    assert (await client.run(shown()))["status"]["completed"]


async def test_what_can_run_of_a_prompt_runs_and_the_rest_is_named(client: ComfyClient) -> None:
    graph = {
        **shown(),
        "t": {"class_type": "Show", "inputs": {"v": ["u", 0]}},
        "u": {"class_type": "Inc", "inputs": {}},
    }
    status, answer = await client.post("/prompt", {"prompt": graph, "client_id": client.client_id})
    assert status == 200
    assert answer["node_errors"]["u"]["dependent_outputs"] == ["t"]
    await client.until_end(answer["prompt_id"])
    assert set((await client.get(f"/history/{answer['prompt_id']}"))[answer["prompt_id"]]["outputs"]) == {"s"}


@pytest.mark.parametrize("path", ["/queue", "/history", "/interrupt", "/free"])
async def test_a_body_that_is_no_object_is_refused(client: ComfyClient, path: str) -> None:
    assert (await client.post(path, [1]))[0] == 400
    async with client.session.post(client.url + path, data=b"{bad") as response:
        assert response.status == 400


async def test_a_seed_of_64_bits_stays_as_it_is(client: ComfyClient) -> None:
    entry = await client.run(shown(2**64 - 1))
    assert entry["prompt"][2]["0"]["inputs"]["v"] == 2**64 - 1
    assert entry["outputs"] == {"s": {"text": [str(2**64)]}}


async def test_a_body_over_the_limit_is_refused(start_server: StartServer) -> None:
    async with (
        start_server("--max-upload-size", "0.001") as url,
        ClientSession() as session,
        session.post(f"{url}/prompt", data=b"x" * 5000) as response,
    ):
        assert response.status == 413
