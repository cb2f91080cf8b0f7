"""Validation: what is recorded of ComfyUI, and the rules beside it."""

import json
import time
from typing import Any

import pytest

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.errors import NodeDeclarationError
from atelier_graph.limits import GraphLimits
from atelier_graph.node_class import NodeClass
from atelier_graph.node_classes import NodeClasses
from atelier_graph.prompt import parse_prompt
from atelier_graph.validation import Validation, validate
from tests.unit.graph.graphs import ANY, CLASSES, LOOK, Graph, errors_of, node_class, validated

SIZE = ("INT", {"default": 512, "min": 1, "max": 16384, "step": 1})
METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
IMAGES = {
    "EmptyImage": node_class(
        lambda **_: (0,),
        required={"width": SIZE, "height": SIZE, "batch_size": SIZE, "color": SIZE},
        returns=("IMAGE",),
    ),
    "ImageScale": node_class(
        lambda **_: (0,), required={"image": ("IMAGE",), "upscale_method": (METHODS,)}, returns=("IMAGE",)
    ),
    "PreviewImage": node_class(lambda images: {}, required={"images": ("IMAGE",)}, returns=(), output=True),
}
EMPTY = ("EmptyImage", {"width": 64, "height": 64, "batch_size": 1, "color": 1})
FAILED = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "extra_info": {}}


def _fault(type_: str, message: str, details: str, extra_info: dict[str, Any]) -> dict[str, Any]:
    return {"type": type_, "message": message, "details": details, "extra_info": extra_info}


def _of(node_id: str, class_type: str, error: dict[str, Any], output: str = "1") -> dict[str, Any]:
    return {node_id: {"errors": [error], "dependent_outputs": [output], "class_type": class_type}}


def _refused(validation: Validation, details: str, node_errors: dict[str, Any]) -> None:
    assert (validation.ok, validation.outputs) == (False, ())
    assert validation.error == {**FAILED, "details": details}
    assert validation.node_errors == node_errors


async def test_a_prompt_without_output_nodes_is_refused() -> None:
    expected = {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": "", "extra_info": {}}
    for graph in ({}, {"1": ("Inc", {"v": 1, "d": 0.0})}):
        assert (await validated(graph)).error == expected
    assert (await validated({"1": ("Show", {"v": ["1", 0]})}, targets=[])).error == expected


async def test_a_class_that_does_not_exist_is_refused_wherever_it_is() -> None:
    validation = await validated({"0": ("Look", {"v": 1}), "1": ("Nope", {})})
    assert (validation.ok, validation.node_errors) == (False, {})
    assert validation.error == {
        "type": "missing_node_type",
        "message": "Node 'Nope' not found. The custom node may not be installed.",
        "details": "Node ID '#1'",
        "extra_info": {"node_id": "1", "class_type": "Nope", "node_title": "Nope"},
    }


async def test_a_required_input_that_is_missing_is_an_error_of_its_node_alone() -> None:
    graph: Graph = {"1": ("Show", {"v": ["2", 0]}), "2": ("Inc", {"v": 1})}
    error = _fault("required_input_missing", "Required input is missing", "d", {"input_name": "d"})
    _refused(await validated(graph), "", _of("2", "Inc", error))


async def test_errors_of_an_output_itself_are_in_the_details() -> None:
    error = _fault("required_input_missing", "Required input is missing", "v", {"input_name": "v"})
    _refused(await validated({"1": ("Show", {})}), "Required input is missing: v", _of("1", "Show", error))


async def test_any_list_is_a_link_and_must_have_two_elements() -> None:
    message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
    info = {"input_name": "v", "input_config": ["INT", {"forceInput": True}], "received_value": ["2", 0, 1]}
    graph: Graph = {"1": ("Show", {"v": ["2", 0, 1]}), "2": ("Inc", {"v": 1, "d": 0.0})}
    error = _fault("bad_linked_input", message, "v", info)
    _refused(await validated(graph), f"{message}: v", _of("1", "Show", error))


@pytest.mark.parametrize("link", [["99", 0], ["2", 5], ["2", -1], ["2", 0.5], [2, 0], ["2", "0"], []])
async def test_a_link_to_nowhere_names_node_and_input(link: list[Any]) -> None:
    validation = await validated({"1": ("Show", {"v": link}), "2": ("Inc", {"v": 1, "d": 0.0})})
    [error] = validation.node_errors["1"]["errors"]
    assert (error["type"], error["details"]) == ("bad_linked_input", "v")
    assert error["extra_info"]["received_value"] == link
    assert "traceback" not in error["extra_info"]


async def test_types_of_links_must_match() -> None:
    info = {
        "input_name": "v",
        "input_config": ["INT", {"forceInput": True}],
        "received_type": "IMAGE",
        "linked_node": ["2", 0],
    }
    details = "v, received_type(IMAGE) mismatch input_type(INT)"
    message = "Return type mismatch between linked nodes"
    validation = await validated({"1": ("Show", {"v": ["2", 0]}), "2": EMPTY}, IMAGES)
    error = _fault("return_type_mismatch", message, details, info)
    _refused(validation, f"{message}: {details}", _of("1", "Show", error))


async def test_a_literal_that_does_not_convert_is_an_error() -> None:
    fault = "invalid literal for int() with base 10: 'abc'"
    info = {
        "input_name": "v",
        "input_config": ["INT", {"default": 0}],
        "received_value": "abc",
        "exception_message": fault,
    }
    error = _fault("invalid_input_type", "Failed to convert an input value to a INT value", f"v, abc, {fault}", info)
    graph: Graph = {"1": ("Show", {"v": ["2", 0]}), "2": ("Inc", {"v": "abc", "d": 0.0})}
    _refused(await validated(graph), "", _of("2", "Inc", error))


@pytest.mark.parametrize(
    ("width", "type_", "message"),
    [
        (0, "value_smaller_than_min", "Value 0 smaller than min of 1"),
        (1000000, "value_bigger_than_max", "Value 1000000 bigger than max of 16384"),
    ],
)
async def test_bounds_are_checked(width: int, type_: str, message: str) -> None:
    info = {"input_name": "width", "input_config": [*SIZE], "received_value": width}
    graph: Graph = {"1": ("PreviewImage", {"images": ["2", 0]}), "2": ("EmptyImage", {**EMPTY[1], "width": width})}
    _refused(await validated(graph, IMAGES), "", _of("2", "EmptyImage", _fault(type_, message, "width", info)))


async def test_a_value_that_is_no_choice_is_refused_and_the_choices_are_named() -> None:
    graph: Graph = {
        "1": ("PreviewImage", {"images": ["2", 0]}),
        "2": ("ImageScale", {"image": ["3", 0], "upscale_method": "nope"}),
        "3": EMPTY,
    }
    info = {"input_name": "upscale_method", "input_config": [METHODS, {}], "received_value": "nope"}
    error = _fault("value_not_in_list", "Value not in list", f"upscale_method: 'nope' not in {METHODS}", info)
    _refused(await validated(graph, IMAGES), "", _of("2", "ImageScale", error))


async def test_more_than_twenty_choices_are_not_named() -> None:
    many = {"Many": node_class(lambda v: {}, required={"v": ([*range(21)], {})}, output=True)}
    [error] = (await validated({"1": ("Many", {"v": 99})}, many)).node_errors["1"]["errors"]
    assert (error["details"], error["extra_info"]["input_config"]) == ("v: 99 not in (list of length 21)", None)


async def test_several_choices_may_be_given_if_the_input_allows_them() -> None:
    several = ("COMBO", {"options": ["a", "b", "c"], "multiselect": True})
    one = ("COMBO", {"options": ["a", "b", "c"]})
    classes = {
        "Several": node_class(lambda v: {}, required={"v": several}, output=True),
        "One": node_class(lambda v: {}, required={"v": one}, output=True),
    }
    wrapped = {"__value__": ["a", "c"]}
    assert await errors_of({"1": ("Several", {"v": wrapped})}, classes) == {}
    assert await errors_of({"1": ("Several", {"v": {"__value__": ["a", "x"]}})}, classes) == {
        "1": ["value_not_in_list"]
    }
    assert await errors_of({"1": ("One", {"v": wrapped})}, classes) == {"1": ["value_not_in_list"]}
    assert await errors_of({"1": ("One", {"v": "b"})}, classes) == {}


async def test_every_node_of_a_cycle_has_the_error() -> None:
    graph: Graph = {
        "1": ("Show", {"v": ["2", 0]}),
        "2": ("Inc", {"v": ["3", 0], "d": 0.0}),
        "3": ("Inc", {"v": ["2", 0], "d": 0.0}),
    }
    expected: dict[str, Any] = {}
    for node_id in ("2", "3"):
        info = {"node_id": node_id, "cycle_nodes": ["2", "3"]}
        details = "2 (Inc) -> 3 (Inc) -> 2 (Inc)"
        expected |= _of(node_id, "Inc", _fault("dependency_cycle", "Dependency cycle detected", details, info))
    _refused(await validated(graph), "", expected)


async def test_a_node_that_links_to_itself_is_a_cycle() -> None:
    assert await errors_of({"1": ("Look", {"v": ["2", 0]}), "2": ("Value", {"v": ["2", 0]})}) == {
        "2": ["dependency_cycle"]
    }


async def test_outputs_that_are_valid_are_executed_without_the_others() -> None:
    graph: Graph = {
        "1": ("Show", {"v": ["2", 0]}),
        "2": ("Inc", {"v": 1, "d": 0.0}),
        "3": ("Show", {"v": ["4", 0]}),
        "4": ("Inc", {"v": 1}),
    }
    validation = await validated(graph)
    assert (validation.ok, validation.error, validation.outputs) == (True, None, ("1",))
    error = _fault("required_input_missing", "Required input is missing", "d", {"input_name": "d"})
    assert validation.node_errors == _of("4", "Inc", error, output="3")


async def test_an_error_names_every_output_that_depends_on_it_and_no_other() -> None:
    graph: Graph = {
        "a": ("Look", {"v": ["bad", 0]}),
        "b": ("Look", {"v": ["between", 0]}),
        "c": ("Look", {"v": ["other", 0]}),
        "between": ("Value", {"v": ["bad", 0]}),
        "bad": ("Inc", {"v": 1}),
        "other": ("Inc", {"d": 1}),
    }
    errors = (await validated(graph)).node_errors
    assert {node_id: each["dependent_outputs"] for node_id, each in errors.items()} == {
        "bad": ["a", "b"],
        "other": ["c"],
    }


async def test_targets_limit_what_is_validated_and_executed() -> None:
    graph: Graph = {"a": ("Look", {"v": 1}), "b": ("Look", {})}
    assert (await validated(graph, targets=["a", "nothing"])).outputs == ("a",)
    assert (await validated(graph, targets=["a"])).node_errors == {}


@pytest.mark.parametrize(
    ("type_", "sent", "stored"),
    [
        ("INT", "7", 7),
        ("INT", 7.9, 7),
        ("FLOAT", 5, 5.0),
        ("STRING", 5, "5"),
        ("BOOLEAN", 1, True),
        ("FLOAT,INT", 5, 5),
    ],
)
async def test_literals_are_converted_in_the_prompt_when_the_type_is_exactly_one_of_four(
    type_: str, sent: object, stored: object
) -> None:
    classes = {"Typed": node_class(lambda v: {}, required={"v": (type_, {})}, output=True)}
    converted = (await validated({"1": ("Typed", {"v": sent})}, classes)).prompt.inputs_of("1")["v"]
    assert (converted, type(converted)) == (stored, type(stored))


async def test_conversion_leaves_the_prompt_that_was_given_as_it_is() -> None:
    prompt = parse_prompt({"1": {"class_type": "Look", "inputs": {"v": {"__value__": 5}}}}, GraphLimits())
    await validate(prompt, NodeClasses(CLASSES))
    assert prompt.inputs_of("1") == {"v": {"__value__": 5}}


async def test_a_wrapped_literal_is_unwrapped_unless_it_is_a_list() -> None:
    graph: Graph = {"1": ("Look", {"v": {"__value__": 5}}), "2": ("Look", {"v": {"__value__": ["1", 0]}})}
    prompt = (await validated(graph)).prompt
    assert prompt.inputs_of("1") == {"v": 5}
    assert prompt.inputs_of("2") == {"v": {"__value__": ["1", 0]}}


async def test_bounds_of_a_value_without_order_are_an_error_and_no_exception() -> None:
    classes = {"Odd": node_class(lambda v: {}, required={"v": ("INT,FLOAT", {"min": 0})}, output=True)}
    assert await errors_of({"1": ("Odd", {"v": "text"})}, classes) == {"1": ["invalid_input_type"]}


class AnyType(str):
    """A type as packs make it: it equals every other one."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __ne__(self, other: object) -> bool:
        return False


@pytest.mark.parametrize(
    ("declared", "received", "matches"),
    [
        ("INT", "INT", True),
        ("INT", "FLOAT", False),
        ("*", "FLOAT", True),
        ("FLOAT", "*", True),
        ("INT,FLOAT", "FLOAT", True),
        ("INT, FLOAT", "STRING,FLOAT", True),
        ("INT,FLOAT", "STRING", False),
        ("COMBO", ["a", "b"], True),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a"], False),
        (["a", "b"], "COMBO", False),
        ("COMFY_MATCHTYPE_V3", "IMAGE", True),
        ("IMAGE", "COMFY_MATCHTYPE_V3", True),
        (AnyType("ANY"), "IMAGE", True),
        ("IMAGE", AnyType("ANY"), True),
    ],
)
async def test_types_match(declared: Any, received: Any, *, matches: bool) -> None:
    classes = {
        "Give": node_class(lambda: (1,), returns=(received,)),
        "Take": node_class(lambda v: {}, required={"v": (declared, {})}, output=True),
    }
    errors = await errors_of({"1": ("Take", {"v": ["2", 0]}), "2": ("Give", {})}, classes)
    assert errors == ({} if matches else {"1": ["return_type_mismatch"]})


async def test_undeclared_links_are_not_validated_and_neither_is_what_is_before_them() -> None:
    graph: Graph = {"1": ("Look", {"v": 1, "more": ["2", 0], "none": ["99", 7]}), "2": ("Inc", {})}
    assert (await validated(graph)).node_errors == {}


def _checking(function: Any, **inputs: Any) -> dict[str, type]:
    declared = inputs or {"v": ("INT", {"min": 0, "max": 10})}
    return {"Checked": node_class(lambda **_: {}, required=declared, output=True, VALIDATE_INPUTS=function)}


async def test_custom_validation_reports_its_reason_once_for_each_input_it_was_given() -> None:
    def check(v: int, w: int) -> str:
        return f"bad: {v}"

    classes = _checking(staticmethod(check), v=("INT", {}), w=("INT", {}), unnamed=("INT", {}))
    validation = await validated({"1": ("Checked", {"v": 1, "w": 2, "unnamed": 3})}, classes)
    assert validation.node_errors["1"]["errors"] == [
        _fault(
            "custom_validation_failed", "Custom validation failed for node", f"{name} - bad: 1", {"input_name": name}
        )
        for name in ("v", "w")
    ]


async def test_false_has_no_reason_and_true_is_valid() -> None:
    false = _checking(classmethod(lambda cls, v: False))
    [error] = (await validated({"1": ("Checked", {"v": 1})}, false)).node_errors["1"]["errors"]
    assert error["details"] == "v"
    assert await errors_of({"1": ("Checked", {"v": 1})}, _checking(classmethod(lambda cls, v: True))) == {}


async def test_a_blocker_out_of_custom_validation_is_no_refusal() -> None:
    assert await errors_of({"1": ("Checked", {"v": 1})}, _checking(staticmethod(lambda v: ExecutionBlocker()))) == {}


async def test_an_input_that_a_class_validates_is_not_checked_by_the_engine() -> None:
    named = _checking(classmethod(lambda cls, v: True))
    assert await errors_of({"1": ("Checked", {"v": 99})}, named) == {}
    every = _checking(classmethod(lambda cls, **inputs: True))
    assert await errors_of({"1": ("Checked", {"v": 99})}, every) == {}
    another = _checking(classmethod(lambda cls, w=0: True))
    assert await errors_of({"1": ("Checked", {"v": 99})}, another) == {"1": ["value_bigger_than_max"]}


async def test_a_function_set_from_outside_needs_no_class_argument() -> None:
    classes = _checking(staticmethod(lambda v: True))

    def wrapper(**inputs: Any) -> str:
        return f"{sorted(inputs)}"

    classes["Checked"].VALIDATE_INPUTS = wrapper  # type: ignore[attr-defined]
    [error] = (await validated({"1": ("Checked", {"v": 1})}, classes)).node_errors["1"]["errors"]
    assert error["details"] == "v - ['v']"


async def test_custom_validation_may_be_asynchronous() -> None:
    async def check(v: int) -> str:
        return "late"

    assert await errors_of({"1": ("Checked", {"v": 1})}, _checking(staticmethod(check))) == {
        "1": ["custom_validation_failed"]
    }


async def test_linked_inputs_are_none_in_custom_validation() -> None:
    classes = _checking(classmethod(lambda cls, v: v is None))
    assert await errors_of({"1": ("Checked", {"v": ["2", 0]}), "2": ("Inc", {"v": 1, "d": 1})}, classes) == {}


async def test_input_types_has_the_types_of_links_and_turns_the_check_of_types_off() -> None:
    classes = {**IMAGES, **_checking(classmethod(lambda cls, input_types: input_types == {"v": "IMAGE"}))}
    assert await errors_of({"1": ("Checked", {"v": ["2", 0]}), "2": EMPTY}, classes) == {}
    refusing = {**IMAGES, **_checking(classmethod(lambda cls, input_types: "not that type"))}
    [error] = (await validated({"1": ("Checked", {"v": ["2", 0]}), "2": EMPTY}, refusing)).node_errors["1"]["errors"]
    assert error["extra_info"] == {"input_name": "input_types"}


@pytest.mark.parametrize("raised", [ValueError("broken"), SystemExit("broken"), KeyboardInterrupt("broken")])
async def test_what_custom_validation_raises_is_an_error_of_its_node_without_traceback(raised: BaseException) -> None:
    def check(v: int) -> bool:
        raise raised

    classes = _checking(staticmethod(check))
    classes["Inner"] = node_class(lambda v: (v,), required={"v": ("INT", {})}, VALIDATE_INPUTS=staticmethod(check))
    validation = await validated({"1": ("Checked", {"v": 1})}, classes)
    info = {"exception_type": type(raised).__name__, "exception_message": "broken"}
    error = _fault("exception_during_validation", "Exception when validating node", "broken", info)
    _refused(validation, "Exception when validating node: broken", _of("1", "Checked", error))
    inner: Graph = {"1": ("Look", {"v": ["2", 0]}), "2": ("Inner", {"v": 1})}
    assert await errors_of(inner, classes) == {"2": ["exception_during_inner_validation"]}


async def test_a_class_whose_declaration_fails_is_an_error_of_its_nodes() -> None:
    broken = node_class(lambda v: (v,), INPUT_TYPES=classmethod(lambda cls: 1 / 0))
    graph: Graph = {"1": ("Look", {"v": ["2", 0]}), "2": ("Broken", {})}
    assert await errors_of(graph, {"Broken": broken}) == {"2": ["exception_during_validation"]}


async def test_live_inputs_are_those_that_count() -> None:
    def live(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"required": {f"more.{number}": ("INT", {"max": 5}) for number in range(inputs["count"])}}

    classes = {
        "Live": node_class(
            lambda **_: {}, required={"count": ("INT", {})}, output=True, LIVE_INPUT_TYPES=staticmethod(live)
        )
    }
    assert await errors_of({"1": ("Live", {"count": 1, "more.0": 3})}, classes) == {}
    assert await errors_of({"1": ("Live", {"count": 2, "more.0": 9})}, classes) == {
        "1": ["value_bigger_than_max", "required_input_missing"]
    }


async def test_without_the_code_of_classes_everything_else_is_validated() -> None:
    classes = {
        name: NodeClass.from_info(NodeClass.of(name, each).to_info())
        for name, each in {**CLASSES, **_checking(classmethod(lambda cls, v: False))}.items()
    }
    graph = {
        "1": {"class_type": "Checked", "inputs": {"v": 99}},
        "2": {"class_type": "Show", "inputs": {"v": "x"}},
    }
    validation = await validate(parse_prompt(graph, GraphLimits()), classes)
    assert validation.outputs == ("1",)
    assert list(validation.node_errors) == ["2"]


async def test_a_chain_of_five_thousand_nodes_is_validated_without_recursion() -> None:
    graph: dict[str, Any] = {"0": ("Value", {"v": 1})}
    graph |= {str(number): ("Value", {"v": [str(number - 1), 0]}) for number in range(1, 5_000)}
    graph["end"] = ("Look", {"v": ["4999", 0]})
    assert (await validated(graph)).ok
    graph["0"] = ("Value", {"v": ["4999", 0]})
    assert len((await validated(graph)).node_errors) == 5_000


async def test_many_cycles_cost_no_more_than_their_links() -> None:
    classes = {"Two": node_class(lambda **_: (1,), required={"v0": ANY, "v1": ANY})}
    graph: dict[str, Any] = {"0": ("Two", {"v0": 1, "v1": 1})}
    graph |= {str(number): ("Two", {"v0": [str(number - 1), 0], "v1": ["4999", 0]}) for number in range(1, 5_000)}
    graph["end"] = ("Look", {"v": ["4999", 0]})
    started = time.perf_counter()
    validation = await validated(graph, classes)
    assert not validation.ok
    assert time.perf_counter() - started < 5


async def test_the_response_about_a_long_cycle_or_many_outputs_stays_small() -> None:
    chain: dict[str, Any] = {str(number): ("Value", {"v": [str(number - 1), 0]}) for number in range(9_000)}
    cycle = {**chain, "0": ("Value", {"v": ["8999", 0]}), "end": ("Look", {"v": ["8999", 0]})}
    outputs = {f"o{number}": ("Look", {"v": ["4999", 0]}) for number in range(5_000)}
    broken = {str(number): ("Inc", {"v": [str(number - 1), 0]}) for number in range(1, 5_000)}
    for graph in (cycle, {**outputs, **broken, "0": ("Inc", {})}):
        errors = (await validated(graph)).node_errors
        assert len(errors) in (9_000, 5_000)
        assert len(json.dumps(errors)) < 30_000_000
        assert all(each["dependent_outputs"] for each in errors.values())


def test_a_class_that_declares_nothing_is_none() -> None:
    for broken in (object, type("NoFunction", (), {"INPUT_TYPES": staticmethod(dict), "RETURN_TYPES": ()})):
        with pytest.raises(NodeDeclarationError):
            NodeClass.of("Broken", broken)


async def test_an_output_that_is_also_an_input_of_another_output_is_validated_once() -> None:
    through = node_class(lambda v: {"result": (v,)}, required={"v": ("INT", {})}, output=True)
    graph: Graph = {"1": ("Look", {"v": ["2", 0]}), "2": ("Through", {})}
    validation = await validated(graph, {"Look": LOOK, "Through": through})
    assert validation.node_errors["2"]["dependent_outputs"] == ["1", "2"]
    assert len(validation.node_errors["2"]["errors"]) == 1
