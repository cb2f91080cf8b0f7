"""Junk in place of a prompt: whatever it is, the outcome is an error object or an execution that ends."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from atelier_graph.caches import ClassicCache
from atelier_graph.custom_validation import ClassValidator
from atelier_graph.errors import GraphError
from atelier_graph.execution import GraphRunner
from atelier_graph.limits import GraphLimits
from atelier_graph.node_classes import NodeClasses
from atelier_graph.node_objects import NodeObjects
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import validate
from tests.unit.graph.graphs import ANY, CLASSES, Recorder, node_class

CHECKED = node_class(
    lambda v: {"ui": {"x": [v]}},
    required={"v": ("INT", {"min": 0, "max": 9})},
    output=True,
    VALIDATE_INPUTS=classmethod(lambda cls, v: v is None or v > 5),
)
CHOICE = node_class(lambda v: (v,), required={"v": (["a", "b"], {"multiselect": True})}, optional={"w": ANY})
ALL = {**CLASSES, "Checked": CHECKED, "Choice": CHOICE}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
ids = st.sampled_from(["1", "2", "3", "4", ""])
links = st.tuples(ids | scalars, st.integers(-1, 2) | scalars).map(list)
junk = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
values = scalars | links | junk | st.fixed_dictionaries({"__value__": junk})
inputs = st.dictionaries(st.sampled_from(["v", "d", "w", "", "__value__"]), values, max_size=4)
nodes = st.fixed_dictionaries(
    {"class_type": st.sampled_from([*ALL]) | scalars},
    optional={"inputs": inputs | junk, "_meta": junk, "is_changed": junk},
)
prompts = st.dictionaries(ids, nodes, max_size=4)
valid_shapes = st.dictionaries(
    ids, st.fixed_dictionaries({"class_type": st.sampled_from([*ALL]), "inputs": inputs}), max_size=4
)


@settings(max_examples=300, deadline=None)
@given(sent=prompts | valid_shapes | junk)
@example(sent={"1": {"class_type": "Look", "inputs": {"v": ["1", 0]}}})
async def test_it_is_refused_with_an_error_object_or_executed_to_its_end(sent: Any) -> None:
    try:
        prompt = parse_prompt(sent, GraphLimits())
    except GraphError as refused:
        _is_error(refused.body["error"])
        return
    validation = await validate(prompt, NodeClasses(ALL), custom=ClassValidator(ALL))
    json.dumps([validation.error, validation.node_errors, validation.prompt.to_json()])
    assert validation.ok == bool(validation.outputs) == (validation.error is None)
    for node_id, each in validation.node_errors.items():
        assert node_id in prompt.nodes
        assert each["dependent_outputs"]
        for error in each["errors"]:
            _is_error(error)
    if validation.error is not None:
        _is_error(validation.error)
        return
    recorder = Recorder()
    runner = GraphRunner(ALL, ClassicCache(), NodeObjects(), GraphLimits())
    result = await runner.run(validation.prompt, validation.outputs, recorder, prompt_id="p", extra_data={})
    assert result.status in ("success", "error")
    assert (result.error is None) == (result.status == "success")
    json.dumps([event.to_json() for event in recorder.events])
    again = parse_prompt(validation.prompt.to_json(), GraphLimits())
    assert (await validate(again, NodeClasses(ALL), custom=ClassValidator(ALL))).outputs == validation.outputs


def _is_error(error: dict[str, Any]) -> None:
    assert set(error) == {"type", "message", "details", "extra_info"}
    assert "Traceback" not in json.dumps(error)
