"""Prompts that name node classes which are gone run with the classes that packs register in their places."""

from typing import Any

from atelier_nodes.packs import registry
from atelier_nodes.packs.prompt_server import PromptServer
from comfy_api.latest import io
from comfy_api.latest.node_replacement import NodeReplacements

NEW = io.NodeReplace(
    "New",
    "Old",
    input_mapping=[{"new_id": "picture", "old_id": "image"}, {"new_id": "mode", "set_value": "fast"}],
    output_mapping=[{"old_idx": 0, "new_idx": 1}],
)


class Node:
    """Stands in the registry; nothing calls it."""


def applied(replacements: NodeReplacements, **nodes: Any) -> Any:
    return replacements.applied({"prompt": nodes, "client_id": "c"})["prompt"]


def replacements() -> NodeReplacements:
    made = NodeReplacements(PromptServer())
    made.add(NEW)
    return made


def test_a_class_that_is_gone_is_replaced_with_its_inputs_and_the_links_to_it() -> None:
    registry.NODE_CLASSES["New"] = Node
    old = {"class_type": "Old", "inputs": {"image": ["2", 0], "dropped": 1}}
    after = {"class_type": "Other", "inputs": {"value": ["1", 0], "more": ["1", 3], "list": ["2", 0]}}
    assert applied(replacements(), **{"1": old, "2": after}) == {
        "1": {"class_type": "New", "inputs": {"picture": ["2", 0], "mode": "fast"}},
        "2": {"class_type": "Other", "inputs": {"value": ["1", 1], "more": ["1", 3], "list": ["2", 0]}},
    }


def test_a_class_that_is_there_or_has_no_replacement_that_is_there_stays() -> None:
    old = {"class_type": "Old", "inputs": {"image": 1}}
    assert applied(replacements(), **{"1": old}) == {"1": old}
    registry.NODE_CLASSES.update({"New": Node, "Old": Node})
    assert applied(replacements(), **{"1": old}) == {"1": old}


def test_a_prompt_that_is_no_graph_is_left_to_validation() -> None:
    registry.NODE_CLASSES["New"] = Node
    bodies: list[dict[str, Any]] = [{}, {"prompt": []}, {"prompt": {"1": "x", "2": {"class_type": "Old"}}}]
    assert [replacements().applied(body) for body in bodies] == bodies
