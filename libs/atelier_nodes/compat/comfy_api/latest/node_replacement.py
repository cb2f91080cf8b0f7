"""Node replacements: prompts that name classes which are gone run with those that take their places.

They are applied to prompts before they are validated, and `GET /node_replacements` lists them for the front end.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from atelier_nodes.packs import registry
from atelier_nodes.packs.prompt_server import PromptServer
from comfy_api.latest.io.node_replace import NodeReplace

PATH = "/node_replacements"


class NodeReplacements:
    """The replacements of one prompt server."""

    def __init__(self, server: PromptServer) -> None:
        self._server = server
        self._by_old_class: dict[str, list[NodeReplace]] = {}

    def add(self, replacement: NodeReplace) -> None:
        """Adds one; it holds for prompts as soon as packs are loaded."""
        if not self._by_old_class:
            self._server.add_on_prompt_handler(self.applied)
            self._server.routes.get(PATH)(self.listed)
        self._by_old_class.setdefault(replacement.old_node_id, []).append(replacement)

    def applied(self, body: dict[str, Any]) -> dict[str, Any]:
        """Returns the body of `POST /prompt` with nodes of classes that do not exist replaced by those that do."""
        prompt = body.get("prompt")
        if not isinstance(prompt, Mapping):
            return body
        chosen = {node_id: found for node_id, node in prompt.items() if (found := self._of(node)) is not None}
        if not chosen:
            return body
        return {**body, "prompt": {node_id: _replaced(node_id, node, chosen) for node_id, node in prompt.items()}}

    async def listed(self, _: web.Request) -> web.Response:
        """Returns all of them, by the old class."""
        return web.json_response({old: [each.as_dict() for each in found] for old, found in self._by_old_class.items()})

    def _of(self, node: object) -> NodeReplace | None:
        name = node.get("class_type") if isinstance(node, Mapping) else None
        if not isinstance(name, str) or name in registry.NODE_CLASSES:
            return None
        found = self._by_old_class.get(name, ())
        return next((each for each in found if each.new_node_id in registry.NODE_CLASSES), None)


REPLACEMENTS = NodeReplacements(PromptServer.instance)


class NodeReplacement:
    """Node replacements, for asynchronous functions."""

    async def register(self, node_replace: NodeReplace) -> None:
        """Adds a replacement."""
        REPLACEMENTS.add(node_replace)


class NodeReplacementSync:
    """Node replacements, for synchronous functions."""

    def register(self, node_replace: NodeReplace) -> None:
        """Adds a replacement."""
        REPLACEMENTS.add(node_replace)


def _replaced(node_id: str, node: Any, chosen: Mapping[str, NodeReplace]) -> Any:
    """A node with its own class replaced, and its links into replaced nodes."""
    if not isinstance(node, Mapping) or not isinstance(node.get("inputs"), Mapping):
        return node
    inputs = {name: _link(value, chosen) for name, value in node["inputs"].items()}
    if node_id not in chosen:
        return {**node, "inputs": inputs}
    replacement = chosen[node_id]
    return {**node, "class_type": replacement.new_node_id, "inputs": replacement.inputs(inputs)}


def _link(value: Any, chosen: Mapping[str, NodeReplace]) -> Any:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and value[0] in chosen:
        return [value[0], chosen[value[0]].slot(value[1])]
    return value
