"""Node classes: what is read from Python classes, and the entries of /object_info."""

import enum
import json
from typing import Any

import pytest

from atelier_graph.errors import NodeDeclarationError
from atelier_graph.node_class import CustomChecks, NodeClass
from tests.unit.graph.graphs import INC, node_class


class Kind(str, enum.Enum):  # noqa: UP042 - packs are written for older Pythons, too
    """Types as an enumeration, as some packs have them."""

    IMAGE = "IMAGE"
    OWN_ID = "UNIQUE_ID"


FULL = node_class(
    lambda **_: (1, [2]),
    required={"image": (Kind.IMAGE,), "mode": (("a", "b"), {"default": "a", "check": {1, 2}, "code": len})},
    optional={"seed": ("INT", {"default": 0, "max": 2**64 - 1})},
    hidden={"id": Kind.OWN_ID},
    returns=("IMAGE", ["x", "y"]),
    output=True,
    RETURN_NAMES=("picture", "choice"),
    OUTPUT_IS_LIST=(False, True),
    INPUT_IS_LIST=True,
    CATEGORY="tests",
    DESCRIPTION="Does nothing.",
    DEPRECATED=True,
    OUTPUT_TOOLTIPS=("a picture", "a choice"),
    SEARCH_ALIASES=["nothing"],
    HAS_INTERMEDIATE_OUTPUT=True,
    RELATIVE_PYTHON_MODULE="custom_nodes.tests",
    VALIDATE_INPUTS=classmethod(lambda cls, image, input_types, **rest: True),
)


def test_an_entry_of_object_info_has_what_clients_read() -> None:
    info = NodeClass.of("Inc", INC, display_name="Increment").to_info()
    assert info == {
        "input": {"required": {"v": ["INT", {"default": 0}], "d": ["FLOAT", {"default": 0.0}]}},
        "input_order": {"required": ["v", "d"]},
        "is_input_list": False,
        "output": ["INT"],
        "output_is_list": [False],
        "output_name": ["INT"],
        "name": "Inc",
        "display_name": "Increment",
        "description": "",
        "python_module": "nodes",
        "category": "sd",
        "output_node": False,
        "has_intermediate_output": False,
    }


def test_everything_that_a_class_declares_is_in_its_entry_as_json() -> None:
    info = json.loads(json.dumps(NodeClass.of("Full", FULL).to_info(), allow_nan=False))
    options = info["input"]["required"]["mode"][1]
    assert (options["default"], sorted(options["check"])) == ("a", [1, 2])
    assert info["input"]["required"]["image"] == ["IMAGE", {}]
    assert info["input"]["required"]["mode"][0] == ["a", "b"]
    assert info["input"]["optional"]["seed"][1]["max"] == 2**64 - 1
    assert info["input"]["hidden"] == {"id": "UNIQUE_ID"}
    assert (info["output"], info["output_name"], info["output_is_list"]) == (
        ["IMAGE", ["x", "y"]],
        ["picture", "choice"],
        [False, True],
    )
    assert (info["deprecated"], info["output_tooltips"], info["search_aliases"]) == (
        True,
        ["a picture", "a choice"],
        ["nothing"],
    )
    assert (info["python_module"], info["category"], info["has_intermediate_output"]) == (
        "custom_nodes.tests",
        "tests",
        True,
    )


def test_an_entry_is_read_back_as_the_class_that_it_describes() -> None:
    for each in (INC, FULL):
        declared = NodeClass.of("Node", each)
        read = NodeClass.from_info(json.loads(json.dumps(declared.to_info())))
        assert read.to_info() == declared.to_info()
        assert [spec.name for spec in read.visible] == [spec.name for spec in declared.visible]
        assert (read.is_output, read.input_is_list, read.checks) == (
            declared.is_output,
            declared.input_is_list,
            declared.checks,
        )


@pytest.mark.parametrize(
    "info", [{}, {"name": "A"}, {"name": "A", "input": []}, {"name": "A", "input": {"required": 5}}]
)
def test_what_is_no_entry_is_refused(info: dict[str, Any]) -> None:
    with pytest.raises(NodeDeclarationError):
        NodeClass.from_info(info)


@pytest.mark.parametrize(
    "attributes",
    [
        {"INPUT_TYPES": None},
        {"INPUT_TYPES": staticmethod(list)},
        {"INPUT_TYPES": staticmethod(lambda: {"required": ["v"]})},
        {"INPUT_TYPES": staticmethod(lambda: {"required": {"v": ()}})},
        {"INPUT_TYPES": staticmethod(lambda: {"required": {"v": 5}})},
        {"FUNCTION": "missing"},
        {"FUNCTION": None},
        {"RETURN_TYPES": 5},
    ],
)
def test_a_class_that_declares_nothing_usable_is_named_in_the_error(attributes: dict[str, Any]) -> None:
    with pytest.raises(NodeDeclarationError, match="'Broken'"):
        NodeClass.of("Broken", node_class(lambda: (), **attributes))


def test_what_is_left_out_or_has_lost_its_comma_is_meant_kindly() -> None:
    bare = type("Bare", (), {"INPUT_TYPES": staticmethod(dict), "FUNCTION": "call", "call": print})
    assert NodeClass.of("Bare", bare).returns == ()
    one = node_class(lambda: (1,), RETURN_TYPES="IMAGE", RETURN_NAMES="picture", OUTPUT_IS_LIST=True)
    declared = NodeClass.of("One", one)
    assert (declared.returns, declared.return_names, declared.output_is_list) == (("IMAGE",), ("picture",), (True,))


def test_live_inputs_replace_the_inputs_of_a_class_alone() -> None:
    declared = NodeClass.of("Full", FULL)
    live = declared.with_live_inputs({"required": {"row.0": ("INT", {})}})
    assert [spec.name for spec in live.inputs] == ["row.0"]
    assert (live.returns, live.checks, live.is_output) == (declared.returns, declared.checks, True)


def test_checks_are_those_of_the_signature() -> None:
    assert NodeClass.of("Full", FULL).checks == CustomChecks(frozenset({"image", "input_types"}), all_inputs=True)
    assert NodeClass.of("Inc", INC).checks is None
