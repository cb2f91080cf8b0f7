"""Literal inputs: converted to the declared type and checked against bounds and choices."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from atelier_graph.errors import error_object
from atelier_graph.input_spec import InputSpec, plain

_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
_CHOICES_SHOWN = 20
_CHOICES_ECHOED = 500


@dataclass(frozen=True, slots=True)
class InvalidLiteral(Exception):  # noqa: N818 - it is the outcome of a conversion, and becomes an error object
    """A literal that cannot be converted; `error` is the error object for its node."""

    error: dict[str, Any]


def converted(spec: InputSpec, value: Any) -> Any:
    """Converts a value to the declared type if that is exactly INT, FLOAT, STRING or BOOLEAN; returns others unchanged.

    Raises:
        InvalidLiteral: It cannot be converted.
    """
    convert = _CONVERSIONS.get(spec.type) if isinstance(spec.type, str) else None
    if convert is None:
        return value
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError) as fault:
        extra_info = {**input_info(spec, received_value=value), "exception_message": str(fault)}
        message = f"Failed to convert an input value to a {spec.type} value"
        details = f"{spec.name}, {_short(value)}, {fault}"
        raise InvalidLiteral(error_object("invalid_input_type", message, details, extra_info)) from None


def faults_of(spec: InputSpec, value: Any) -> Iterator[dict[str, Any]]:
    """Yields the error objects of a converted value: a bound that it exceeds, or choices that do not contain it."""
    try:
        if "min" in spec.options and value < spec.options["min"]:
            yield _bound(
                "value_smaller_than_min", f"Value {value} smaller than min of {spec.options['min']}", spec, value
            )
            return
        if "max" in spec.options and value > spec.options["max"]:
            yield _bound(
                "value_bigger_than_max", f"Value {value} bigger than max of {spec.options['max']}", spec, value
            )
            return
    except TypeError as fault:  # a declared type that is none of the four, with bounds, and a value that has no order
        extra_info = {**input_info(spec, received_value=value), "exception_message": str(fault)}
        details = f"{spec.name}, {_short(value)}, {fault}"
        yield error_object(
            "invalid_input_type", "The input value does not compare with its bounds", details, extra_info
        )
        return
    if (choices := spec.choices) is not None:
        several = isinstance(value, list) and bool(spec.options.get("multiselect"))
        wrong = [each for each in (value if several else [value]) if each not in choices]
        if wrong:
            yield _not_in_list(spec, value, wrong, choices)


def input_info(spec: InputSpec, **more: Any) -> dict[str, Any]:
    """The `extra_info` of an error about an input; without the declaration if it has more than 500 choices."""
    config = None if len(spec.choices or ()) > _CHOICES_ECHOED else spec.config
    return {"input_name": spec.name, "input_config": config, **more}


def _bound(type_: str, message: str, spec: InputSpec, value: Any) -> dict[str, Any]:
    return error_object(type_, message, spec.name, input_info(spec, received_value=value))


def _not_in_list(spec: InputSpec, value: Any, wrong: list[Any], choices: list[Any]) -> dict[str, Any]:
    short = len(choices) <= _CHOICES_SHOWN
    shown = str(plain(choices)) if short else f"(list of length {len(choices)})"
    extra_info = {
        "input_name": spec.name,
        "input_config": spec.config if short else None,
        "received_value": value,
    }
    details = f"{spec.name}: {', '.join(_short(each, repr) for each in wrong)} not in {shown}"
    return error_object("value_not_in_list", "Value not in list", details, extra_info)


def _short(value: Any, text_of: Callable[[Any], str] = str) -> str:
    text = text_of(value)
    return text if len(text) <= 1_000 else f"{text[:1_000]}…"
