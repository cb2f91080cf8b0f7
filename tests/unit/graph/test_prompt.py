"""Prompts: what is parsed, and what is refused with the node named."""

import json
from typing import Any

import pytest

from atelier_graph.errors import GraphError
from atelier_graph.json_value import parse_json
from atelier_graph.limits import GraphLimits
from atelier_graph.link import Link, is_link, link_of
from atelier_graph.prompt import parse_prompt

LIMITS = GraphLimits()


def _error(value: object, limits: GraphLimits = LIMITS) -> dict[str, Any]:
    with pytest.raises(GraphError) as refused:
        parse_prompt(value, limits)
    assert refused.value.body["node_errors"] == {}
    error: dict[str, Any] = refused.value.body["error"]
    return error


def test_a_submission_without_a_prompt_is_refused() -> None:
    assert _error(None) == {
        "type": "no_prompt",
        "message": "No prompt provided",
        "details": "No prompt provided",
        "extra_info": {},
    }


def test_a_prompt_that_is_a_list_is_refused() -> None:
    assert _error([])["type"] == "invalid_prompt"


@pytest.mark.parametrize(
    "node",
    ["x", 5, None, [], {"class_type": 7}, {"class_type": "Show", "inputs": []}, {"class_type": "A", "inputs": 1}],
)
def test_a_node_of_the_wrong_shape_is_named(node: object) -> None:
    error = _error({"17": node})
    assert (error["type"], error["details"], error["extra_info"]["node_id"]) == ("invalid_node", "Node ID '#17'", "17")


def test_a_node_without_a_class_is_named_with_its_title() -> None:
    message = "Node '{}' has no class_type. The workflow may be corrupted or a custom node is missing."
    assert _error({"1": {"inputs": {}}}) == {
        "type": "missing_node_type",
        "message": message.format("ID #1"),
        "details": "Node ID '#1'",
        "extra_info": {"node_id": "1", "class_type": None, "node_title": None},
    }
    titled = _error({"1": {"inputs": {}, "_meta": {"title": "Mine"}}})
    assert (titled["message"], titled["extra_info"]["node_title"]) == (message.format("Mine"), "Mine")


def test_more_nodes_than_allowed_are_refused() -> None:
    node = {"class_type": "Inc", "inputs": {}}
    assert len(parse_prompt({str(number): node for number in range(10_000)}, LIMITS).nodes) == 10_000
    assert _error({str(number): node for number in range(10_001)})["type"] == "too_many_nodes"


def test_other_keys_of_a_node_stay_and_its_inputs_are_copied() -> None:
    sent: dict[str, Any] = {
        "1": {"class_type": "Inc", "inputs": {"v": 1}, "_meta": {"title": "t"}, "is_changed": [1]},
        "2": {"class_type": "A"},
    }
    prompt = parse_prompt(sent, LIMITS)
    prompt.inputs_of("1")["v"] = 2
    assert sent["1"]["inputs"] == {"v": 1}
    assert prompt.to_json()["1"]["_meta"] == {"title": "t"}
    assert prompt.inputs_of("2") == {}


@pytest.mark.parametrize("text", ["{bad", "", b"\xff", "[" * 100_000, '{"v": ' + "9" * 5_000 + "}"])
def test_what_is_not_json_is_refused_with_the_reason(text: str | bytes) -> None:
    with pytest.raises(GraphError) as refused:
        parse_json(text)
    assert refused.value.error["type"] == "invalid_json"
    assert refused.value.error["details"]


def test_integers_of_64_bits_stay_exact() -> None:
    assert parse_json('{"seed": 18446744073709551615}') == {"seed": 2**64 - 1}
    assert parse_prompt(
        parse_json(json.dumps({"1": {"class_type": "A", "inputs": {"seed": 2**64 - 1}}})), LIMITS
    ).inputs_of("1") == {"seed": 2**64 - 1}


@pytest.mark.parametrize("value", [["1", 0], ["1", 0.0], ["1", 5.5]])
def test_a_link_is_a_list_of_a_string_and_a_number(value: object) -> None:
    assert is_link(value)


@pytest.mark.parametrize(
    "value", [["1"], ["1", 0, 1], [1, 0], ["1", "0"], ("1", 0), ["1", True], ["1", None], "1", None]
)
def test_everything_else_is_no_link(value: object) -> None:
    assert not is_link(value)
    assert link_of(value) is None


def test_the_slot_of_a_link_may_be_a_whole_float() -> None:
    assert link_of(["1", 2.0]) == Link("1", 2)


@pytest.mark.parametrize("slot", [-1, 0.5, float("nan"), float("inf"), -0.5])
def test_a_slot_that_cannot_be_is_one_that_no_node_has(slot: float) -> None:
    assert link_of(["1", slot]) == Link("1", -1)
