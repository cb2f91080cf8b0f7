"""Every node class that ships declares what an engine needs."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from atelier_graph.node_class import NodeClass
from atelier_nodes.builtin import DISPLAY_NAMES, NODE_CLASSES
from atelier_nodes.builtin.declarations import InputTypes


def declared_inputs(name: str) -> InputTypes:
    node: Any = NODE_CLASSES[name]
    declared: InputTypes = node.INPUT_TYPES()
    return declared


@pytest.mark.parametrize("name", sorted(NODE_CLASSES))
def test_a_class_declares_a_function_that_takes_its_inputs(name: str) -> None:
    node: Any = NODE_CLASSES[name]
    declared = node.INPUT_TYPES()
    assert set(declared) <= {"required", "optional", "hidden"}
    parameters = inspect.signature(getattr(node, node.FUNCTION)).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for group, inputs in declared.items():
        for input_name in inputs:
            assert input_name in parameters
            if group == "optional":
                assert parameters[input_name].default is not inspect.Parameter.empty
    assert isinstance(node.RETURN_TYPES, tuple)
    assert node.CATEGORY


@pytest.mark.parametrize("name", sorted(NODE_CLASSES))
def test_a_default_is_within_its_bounds(name: str) -> None:
    declared = declared_inputs(name)
    for kind, options in [*declared.get("required", {}).values(), *declared.get("optional", {}).values()]:
        if kind in ("INT", "FLOAT"):
            assert options["min"] <= options["default"] <= options["max"]


@pytest.mark.parametrize("name", sorted(NODE_CLASSES))
def test_a_class_is_described_to_processes_without_its_code(name: str) -> None:
    declared = NodeClass.of(name, NODE_CLASSES[name], display_name=DISPLAY_NAMES.get(name, ""))
    info = json.loads(json.dumps(declared.to_info()))
    assert info["description"]
    assert NodeClass.from_info(info).to_info() == info


def test_display_names_name_classes() -> None:
    assert set(DISPLAY_NAMES) <= set(NODE_CLASSES)


def test_the_declared_width_of_an_empty_image_is_the_recorded_one() -> None:
    kind, options = declared_inputs("EmptyImage")["required"]["width"]
    assert (kind, options) == ("INT", {"default": 512, "min": 1, "max": 16384, "step": 1})


def test_the_declared_methods_of_image_scale_are_the_recorded_ones() -> None:
    required = declared_inputs("ImageScale")["required"]
    assert required["upscale_method"] == (["nearest-exact", "bilinear", "area", "bicubic", "lanczos"], {})
    assert required["crop"] == (["disabled", "center"], {})
