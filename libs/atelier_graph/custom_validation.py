"""Custom validation: checks in the code of node classes, and inputs that depend on the values of a node."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.errors import NodeDeclarationError
from atelier_graph.input_spec import plain
from atelier_graph.list_mapping import slices_of


class CustomValidator(Protocol):
    """Calls the code of node classes for a validation."""

    def live_inputs(self, class_type: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the class declares when a node of it has these inputs, in the shape of INPUT_TYPES.

        Raises:
            NodeDeclarationError: It declares nothing usable.
        """
        ...

    async def faults(self, class_type: str, inputs: Mapping[str, list[Any]], types: Mapping[str, Any]) -> Sequence[str]:
        """Calls VALIDATE_INPUTS.

        Args:
            class_type: The class.
            inputs: The inputs that VALIDATE_INPUTS takes, each as a list of values.
            types: The types of linked inputs; passed if it takes them.

        Returns:
            A text for each call that refused its inputs, "" where it gave no reason. Empty when all are valid.
        """
        ...


class ClassValidator:
    """Calls the code of Python classes in this process."""

    def __init__(self, python_classes: Mapping[str, type]) -> None:
        self._python_classes = python_classes

    def live_inputs(self, class_type: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return live_inputs_of(self._python_classes[class_type], inputs)

    async def faults(self, class_type: str, inputs: Mapping[str, list[Any]], types: Mapping[str, Any]) -> Sequence[str]:
        python_class: Any = self._python_classes[class_type]
        given = dict(inputs)
        if "input_types" in inspect.signature(python_class.VALIDATE_INPUTS, follow_wrapped=False).parameters:
            given["input_types"] = [dict(types)]
        results = []
        for values in slices_of(given, as_lists=bool(getattr(python_class, "INPUT_IS_LIST", False))):
            result = python_class.VALIDATE_INPUTS(**nested_inputs(python_class, values))
            results.append(await result if inspect.isawaitable(result) else result)
        refused = [each for each in results if each is not True and not isinstance(each, ExecutionBlocker)]
        return ["" if each is False else str(plain(each)) for each in refused]


def live_inputs_of(python_class: Any, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a class with dynamic inputs declares for these.

    Raises:
        NodeDeclarationError: Its code raised, or returned no mapping.
    """
    try:
        declared = python_class.LIVE_INPUT_TYPES(dict(inputs))
    except Exception as error:
        name = python_class.__name__
        raise NodeDeclarationError(f"{name}: LIVE_INPUT_TYPES raised {type(error).__name__}: {error}") from error
    if not isinstance(declared, Mapping):
        raise NodeDeclarationError(f"{python_class.__name__}: LIVE_INPUT_TYPES returned {type(declared).__name__}")
    return declared


def nested_inputs(python_class: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call: inputs with dotted names are nested by the NEST_INPUTS of the class, if it has one."""
    nest = getattr(python_class, "NEST_INPUTS", None)
    if nest is None:
        return inputs
    nested: dict[str, Any] = nest(inputs)
    return nested
