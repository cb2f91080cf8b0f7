"""A pack as people write them runs in a graph: expansion, blockers, lists, progress, messages and files."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from atelier_graph.caches import ClassicCache
from atelier_graph.events import GraphEvent, NodeProgress
from atelier_graph.execution import GraphRunner, RunResult
from atelier_graph.limits import GraphLimits
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import validate
from atelier_nodes.builtin import DISPLAY_NAMES, NODE_CLASSES
from atelier_nodes.packs import registry
from atelier_nodes.packs.folders import node_folders
from atelier_nodes.packs.loading import load_packs
from atelier_nodes.packs.prompt_server import NoClients
from server import PromptServer
from tests.unit.packs.pack_folder import PackFolder

PACK = '''
import json
import os

import comfy.samplers
import folder_paths
import torch
from aiohttp import web
from comfy.utils import ProgressBar
from comfy_execution.graph import ExecutionBlocker
from comfy_execution.graph_utils import GraphBuilder
from nodes import MAX_RESOLUTION, PreviewImage
from server import PromptServer


class AnyType(str):
    def __ne__(self, other):
        return False


@PromptServer.instance.routes.get("/the-pack/files")
async def files(request):
    return web.json_response(os.listdir(folder_paths.get_input_directory()))


class Grey:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {
            "side": ("INT", {"default": 8, "min": 1, "max": MAX_RESOLUTION}),
            "sampler": (comfy.samplers.KSampler.SAMPLERS,),
            "file": (sorted(os.listdir(folder_paths.get_input_directory())) or ["none"],),
        }}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "draw"
    CATEGORY = "the pack"

    def draw(self, side, sampler, file):
        bar = ProgressBar(2)
        bar.update(1)
        bar.update(1)
        return (torch.full((1, side, side, 3), 0.5),)


class Twice:
    """Expands into two inversions."""
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "expand"
    CATEGORY = "the pack"

    def expand(self, image):
        graph = GraphBuilder()
        first = graph.node("ImageInvert", image=image)
        second = graph.node("ImageInvert", image=first.out(0))
        return {"result": (second.out(0),), "expand": graph.finalize()}


class Gate:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": (AnyType("*"),), "open": ("BOOLEAN", {"default": True})}}

    RETURN_TYPES = (AnyType("*"),)
    FUNCTION = "pass_on"
    CATEGORY = "the pack"

    def pass_on(self, value, open):
        return (value if open else ExecutionBlocker(None),)


class Show(PreviewImage):
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"images": ("IMAGE",)}, "hidden": {"unique_id": "UNIQUE_ID"}}

    FUNCTION = "show"
    OUTPUT_NODE = True

    def show(self, images, unique_id):
        PromptServer.instance.send_sync("the-pack.shown", {"node": unique_id, "count": len(images)})
        return self.save_images(images, "shown")


NODE_CLASS_MAPPINGS = {"Grey": Grey, "Twice": Twice, "Gate": Gate, "Show": Show}
'''


@dataclass
class Events:
    """Observes a graph."""

    events: list[GraphEvent] = field(default_factory=list)

    def publish(self, event: GraphEvent) -> None:
        self.events.append(event)


@dataclass
class Messages:
    """Receives what packs send to clients."""

    sent: list[tuple[str | int, Any, str | None]] = field(default_factory=list)

    def send(self, event: str | int, data: Any, client_id: str | None) -> None:
        self.sent.append((event, data, client_id))


async def run(nodes: dict[str, Any]) -> tuple[RunResult, Events, Messages]:
    classes = NodeClasses(registry.NODE_CLASSES, registry.DISPLAY_NAMES)
    validation = await validate(parse_prompt(nodes, GraphLimits()), classes)
    assert not validation.node_errors
    observer, messages = Events(), Messages()
    PromptServer.instance.messages = messages
    runner = GraphRunner(registry.NODE_CLASSES, ClassicCache(), NodeObjects(), GraphLimits())
    result = await runner.run(validation.prompt, validation.outputs, observer, prompt_id="p", extra_data={})
    PromptServer.instance.messages = NoClients()
    return result, observer, messages


def graph(*, open_gate: bool) -> dict[str, Any]:
    return {
        "1": {"class_type": "Grey", "inputs": {"side": 8, "sampler": "euler", "file": "none"}},
        "2": {"class_type": "Twice", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "Gate", "inputs": {"value": ["2", 0], "open": open_gate}},
        "4": {"class_type": "Show", "inputs": {"images": ["3", 0]}},
    }


@pytest.fixture
async def loaded(packs: PackFolder) -> None:
    registry.add_builtin(NODE_CLASSES, DISPLAY_NAMES)
    packs.write("the-pack/__init__.py", PACK)
    (report,) = (await load_packs([packs.path])).reports
    assert (report.error, report.notes) == ("", ())


@pytest.mark.usefixtures("loaded")
async def test_its_nodes_expand_report_progress_save_files_and_send_messages() -> None:
    result, observer, messages = await run(graph(open_gate=True))
    assert result.error is None
    (image,) = result.outputs["4"]["images"]
    assert image["type"] == "temp"
    assert (node_folders().temp / image["subfolder"] / image["filename"]).is_file()
    assert [event.value for event in observer.events if isinstance(event, NodeProgress) and event.node == "1"] == [1, 2]
    assert messages.sent == [("the-pack.shown", {"node": "4", "count": 1}, None)]


@pytest.mark.usefixtures("loaded")
async def test_its_blocker_keeps_the_node_after_it_from_running() -> None:
    result, _, messages = await run(graph(open_gate=False))
    assert (result.status, result.outputs, messages.sent) == ("success", {}, [])
