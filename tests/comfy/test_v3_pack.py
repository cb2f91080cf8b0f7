"""A V3 pack behind the door: listed, validated and run in a real host."""

from pathlib import Path

from tests.comfy.comfy_client import comfy_client
from tests.comfy.comfy_process import comfy_process
from tests.unit.packs.v3_graph import node
from tests.unit.packs.v3_pack import V3_PACK

REPLACEMENT = """
from comfy_api.latest import ComfyAPI, ComfyExtension, io


class Extension(ComfyExtension):
    async def on_load(self):
        await ComfyAPI().node_replacement.register(
            io.NodeReplace("v3.Slow", "Old", input_mapping=[{"new_id": "steps", "old_id": "count"}])
        )

    async def get_node_list(self):
        return []


def comfy_entrypoint():
    return Extension()
"""


async def test_its_nodes_are_listed_validated_and_run_with_previews(tmp_path: Path) -> None:
    packs = tmp_path / "custom_nodes"
    packs.mkdir()
    (packs / "v3.py").write_text(V3_PACK)
    (packs / "replacement.py").write_text(REPLACEMENT)
    file = tmp_path / "extra.yaml"
    file.write_text("tests:\n  custom_nodes: custom_nodes\n")
    flags = ("--extra-model-paths-config", str(file))
    async with comfy_process(tmp_path, *flags) as server, comfy_client(server.url) as client:
        listed = await client.get("/object_info/v3.Collect")
        assert listed["v3.Collect"]["input"]["required"]["numbers"][0] == "COMFY_AUTOGROW_V3"
        assert list(await client.get("/node_replacements")) == ["Old"]

        wrong = {"1": node("v3.Collect", numbers__number0=1), "2": node("v3.Show", value=["1", 0])}
        status, refused = await client.post("/prompt", {"prompt": wrong})
        assert status == 400
        (error,) = refused["node_errors"]["1"]["errors"]
        assert (error["type"], error["details"]) == ("required_input_missing", "numbers.number1")

        graph = {
            "old": node("Old", count=3),
            "grey": node("v3.Grey", side=8),
            "twice": node("v3.Twice", value=["old", 0]),
            "all": node("v3.Collect", numbers__number0=["old", 0], numbers__number1=["twice", 0]),
            "show": node("v3.Show", value=["all", 0]),
            "seen": node("v3.Show", value=["grey", 0]),
        }
        prompt_id = await client.submit(graph)
        messages = await client.until_end(prompt_id)
        entry = (await client.get(f"/history/{prompt_id}"))[prompt_id]
        assert entry["outputs"]["show"]["value"] == ["[{'number0': 3, 'number1': 6}, {}]"]
        assert entry["outputs"]["show"]["hidden"][0] == "show"
        progress = [message["data"] for message in messages if message["type"] == "progress"]
        assert {(each["node"], each["value"], each["max"]) for each in progress} >= {("grey", 2, 2), ("old", 3, 3)}
        assert any(b"\xff\xd8" in preview[:400] for preview in client.binary)
