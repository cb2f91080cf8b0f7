"""Typed inputs: numbers at the edge of what a double and 64 bits hold."""

import pytest

from atelier_service.errors import InvalidArgumentError
from atelier_workflow.domain.typed_inputs import resolve
from atelier_workflow.domain.workflow import InputPath, InputType, TypedInput

GRAPH = {"1": {"class_type": "Any", "inputs": {"value": 0}}}


def typed(kind: InputType) -> TypedInput:
    """An input of one type."""
    return TypedInput(name="x", type=kind, targets=(InputPath("1", "value"),))


@pytest.mark.parametrize("value", [10**400, -(10**400), float("inf"), float("nan"), True, "1"])
def test_a_float_is_a_finite_double(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="is not a number"):
        resolve([typed(InputType.FLOAT)], {"x": value}, GRAPH)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 10**400, 1.0])
def test_an_int_has_64_bits(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="64 bits"):
        resolve([typed(InputType.INT)], {"x": value}, GRAPH)


@pytest.mark.parametrize(("kind", "value"), [(InputType.INT, 2**64 - 1), (InputType.FLOAT, 1e308)])
def test_the_largest_values_are_unchanged(kind: InputType, value: float) -> None:
    assert resolve([typed(kind)], {"x": value}, GRAPH) == {"x": value}
