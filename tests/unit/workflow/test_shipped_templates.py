"""The templates that ship are valid graphs of the nodes that ship."""

import json
from typing import Any

import pytest

from atelier_graph.limits import GraphLimits
from atelier_graph.node_class import NodeClass
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import validate
from atelier_nodes.builtin import NODE_CLASSES
from atelier_nodes.mesh import ModelInfo, set_known_models
from atelier_workflow.adapters.shipped_templates import shipped_templates
from atelier_workflow.domain.typed_inputs import applied, check_declarations, resolve

TEMPLATES = shipped_templates()
ASSET = "01a22378-e495-7e5c-94ad-4ee3a8510539"


def described() -> dict[str, NodeClass]:
    """The nodes, as a worker whose mesh has the models that ship reports them."""
    set_known_models([ModelInfo("demo-image", "image"), ModelInfo("demo-video", "video")])
    return {name: NodeClass.from_info(NodeClass.of(name, node).to_info()) for name, node in NODE_CLASSES.items()}


def test_there_is_one_for_each_common_task() -> None:
    assert list(TEMPLATES) == [
        "text-to-image", "image-to-image", "inpaint", "two-passes", "seed-grid", "picture-to-clip"
    ]  # fmt: skip


@pytest.mark.parametrize("template_id", TEMPLATES)
async def test_it_is_valid_with_its_defaults(template_id: str) -> None:
    definition = TEMPLATES[template_id].definition
    graph: dict[str, Any] = json.loads(definition.graph)
    check_declarations(definition, graph)
    given = {typed.name: ASSET for typed in definition.inputs if typed.required}
    values = resolve(definition.inputs, given, graph)
    prompt = parse_prompt(applied(graph, definition.inputs, values), GraphLimits())

    answer = await validate(prompt, described(), targets=[output.node_id for output in definition.outputs])

    assert (answer.ok, answer.node_errors) == (True, {})
    assert answer.outputs == ("save",)


@pytest.mark.parametrize("template_id", TEMPLATES)
def test_each_of_its_inputs_has_a_description(template_id: str) -> None:
    assert all(typed.description for typed in TEMPLATES[template_id].definition.inputs)
