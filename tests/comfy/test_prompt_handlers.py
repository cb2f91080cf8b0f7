"""Handlers of packs change prompts before they are validated."""

from pathlib import Path

from tests.comfy.comfy_client import comfy_client
from tests.comfy.comfy_process import comfy_process, extra_paths_file
from tests.comfy.graphs import shown

HANDLERS = """
from server import PromptServer

def seven(body):
    body["prompt"]["0"]["inputs"]["v"] = 7
    return body

def fails(body):
    raise ValueError("no such node")

PromptServer.instance.add_on_prompt_handler(fails)
PromptServer.instance.add_on_prompt_handler(seven)
NODE_CLASS_MAPPINGS = {}
"""


async def test_a_handler_changes_the_prompt_and_one_that_fails_does_not_stop_it(tmp_path: Path) -> None:
    packs = tmp_path / "custom_nodes"
    packs.mkdir()
    (packs / "handlers.py").write_text(HANDLERS)
    flags = ("--extra-model-paths-config", str(extra_paths_file(tmp_path)))
    async with comfy_process(tmp_path, *flags) as server, comfy_client(server.url) as client:
        prompt_id = await client.submit(shown(424242))
        await client.until_end(prompt_id)
        entry = (await client.get(f"/history/{prompt_id}"))[prompt_id]
        assert entry["prompt"][2]["0"]["inputs"]["v"] == 7
        assert (await client.post("/prompt", {"prompt": "none"}))[0] == 400
        assert (await client.post("/atelier/prompt-handlers", {}))[0] == 404
