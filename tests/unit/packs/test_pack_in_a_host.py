"""A pack in a real host: its nodes run, its routes are served, its messages arrive, its folders are the execution's."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atelier_graph.events import GraphEvent
from atelier_nodes.mesh import NoMesh
from atelier_nodes.pool.catalogue import PackRequest
from atelier_nodes.pool.host_pool import HostPool, open_pool
from atelier_nodes.pool.options import PoolOptions
from atelier_nodes.protocol.execution import Folders, HostExecution
from atelier_nodes.protocol.messages import PackMessage
from tests.unit.packs.pack_folder import PackFolder

PACK = """
import comfy.sd
import folder_paths
from aiohttp import web
from server import PromptServer

WEB_DIRECTORY = "./js"


@PromptServer.instance.routes.post("/the-pack/echo")
async def echo(request):
    return web.json_response({"echo": await request.json()})


class Write:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"default": ""})}}

    RETURN_TYPES = ()
    FUNCTION = "write"
    OUTPUT_NODE = True

    def write(self, text):
        output = folder_paths.get_output_directory()
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path("texts/t", output)
        file = f"{name}_{counter:05}_.txt"
        with open(f"{folder}/{file}", "w") as target:
            target.write(text)
        PromptServer.instance.send_sync("the-pack.written", {"file": file}, PromptServer.instance.client_id)
        return {"ui": {"text": [{"filename": file, "subfolder": subfolder, "type": "output"}]}}


class Load(Write):
    def write(self, text):
        return comfy.sd.load_checkpoint_guess_config(text)


NODE_CLASS_MAPPINGS = {"Write text": Write, "Load (inside)": Load}
"""

Opened = tuple[HostPool, list[PackMessage]]


def folders(base: Path) -> Folders:
    return Folders(base / "input", base / "output", base / "temp")


@pytest.fixture
async def opened(packs: PackFolder, tmp_path: Path) -> AsyncIterator[Opened]:
    packs.write("the-pack/__init__.py", PACK)
    packs.write("the-pack/js/ui.js", "export {}")
    messages: list[PackMessage] = []
    options = PoolOptions(folders=folders(tmp_path / "host"), root=tmp_path, pack_folders=(packs.path,))
    async with open_pool(options, messages.append) as pool:
        yield pool, messages


async def test_its_nodes_routes_and_web_folder_are_in_the_catalogue(opened: Opened, packs: PackFolder) -> None:
    pool, _ = opened
    catalogue = await pool.catalogue()
    assert catalogue.classes["Write text"]["python_module"] == "custom_nodes.the-pack"
    assert [(pack.name, pack.error) for pack in catalogue.packs] == [("the-pack", "")]
    assert ("POST", "/the-pack/echo") in [(route.method, route.path) for route in catalogue.routes]
    assert catalogue.web_folders == {"the-pack": str(packs.path / "the-pack/js")}


async def test_its_routes_are_served(opened: Opened) -> None:
    pool, _ = opened
    headers = (("Content-Type", "application/json"),)
    response = await pool.http(PackRequest("POST", "/the-pack/echo", "", headers, b'{"a": 1}'))
    assert (response.status, json.loads(response.body)) == (200, {"echo": {"a": 1}})


async def test_its_node_writes_into_the_folder_of_the_execution_and_its_message_names_the_client(
    opened: Opened, tmp_path: Path
) -> None:
    pool, messages = opened
    prompt = {"1": {"class_type": "Write text", "inputs": {"text": "hello"}}}
    own = folders(tmp_path / "execution")
    execution = HostExecution("e", prompt, ("1",), {"client_id": "me"}, folders=own)
    result = await pool.run(execution, NoMesh(), _unread)
    assert result.error is None
    (written,) = result.outputs["1"]["text"]
    assert (own.output / written["subfolder"] / written["filename"]).read_text() == "hello"
    assert [(message.event, message.value, message.client_id) for message in messages] == [
        ("the-pack.written", {"file": "t_00001_.txt"}, "me")
    ]


async def test_what_is_missing_is_named_in_the_failure_of_the_node(opened: Opened) -> None:
    pool, _ = opened
    prompt = {"1": {"class_type": "Load (inside)", "inputs": {"text": "x.safetensors"}}}
    result = await pool.run(HostExecution("e", prompt, ("1",)), NoMesh(), _unread)
    assert result.error is not None
    assert (
        "Pack 'the-pack', node Load (inside), uses comfy.sd.load_checkpoint_guess_config, which is missing"
        in result.error.exception_message
    )


async def test_a_confined_host_reads_the_packs_and_models_that_an_extra_paths_file_names(tmp_path: Path) -> None:
    elsewhere = PackFolder(tmp_path / "elsewhere")
    elsewhere.write("packs/lists.py", LISTS)
    elsewhere.write("weights/x.safetensors", "weights")
    file = PackFolder(tmp_path / "settings").write(
        "paths.yaml", f"here:\n    base_path: {elsewhere.path}\n    custom_nodes: packs\n    loras: weights\n"
    )
    options = PoolOptions(folders=folders(tmp_path / "host"), extra_model_paths=(file,))
    async with open_pool(options) as pool:
        catalogue = await pool.catalogue()
    assert [(pack.name, pack.nodes, pack.error) for pack in catalogue.packs] == [("lists", ("Lists",), "")]
    assert catalogue.classes["Lists"]["input"]["required"]["lora"][0] == ["x.safetensors: weights"]


LISTS = """
import folder_paths

def content(name):
    with open(folder_paths.get_full_path("loras", name)) as file:
        return f"{name}: {file.read()}"

class Lists:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"lora": ([content(name) for name in folder_paths.get_filename_list("loras")],)}}

    RETURN_TYPES = ()
    FUNCTION = "run"

    def run(self, lora):
        return ()


NODE_CLASS_MAPPINGS = {"Lists": Lists}
"""


def _unread(_: GraphEvent) -> None:
    """Takes events that no test reads."""
