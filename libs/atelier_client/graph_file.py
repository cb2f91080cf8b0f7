"""Graph files: graphs of ComfyUI in API format, and workflows with typed inputs, whose inputs are set by name."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SAMPLER_LINKS = {"prompt": "positive", "negative_prompt": "negative"}


class GraphFile:
    """A graph, read from a file.

    Attributes:
        graph: The graph in API format.
        inputs: Its typed inputs as JSON, by name; empty for a file that holds a graph alone.
        definition: The whole document when it is a workflow; empty for a graph alone.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Reads a document: a graph, or a workflow with a field `graph`. Raises ValueError for anything else."""
        is_workflow = isinstance(document.get("graph"), dict) and "class_type" not in document["graph"]
        graph = document["graph"] if is_workflow else document
        if "nodes" in graph and "links" in graph:
            raise ValueError("this is a graph of the editor; export it in API format")
        if not graph or not all(isinstance(node, dict) and "class_type" in node for node in graph.values()):
            raise ValueError("this is no graph in API format: an object of nodes with class_type and inputs")
        self.graph: dict[str, Any] = json.loads(json.dumps(graph))
        self.definition = dict(document) if is_workflow else {}
        self.inputs = {str(typed["name"]): typed for typed in self.definition.get("inputs", [])}

    @classmethod
    def read(cls, path: Path) -> "GraphFile":
        """Reads a file. Raises OSError, and ValueError for what is no graph."""
        try:
            document = json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise ValueError(f"{path} holds no JSON object")
        try:
            return cls(document)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def assign(self, name: str, text: str) -> None:
        """Sets an input from text.

        Args:
            name: A typed input of the workflow; `NODE.INPUT`; the name of an input that one node alone has; or
                `prompt` and `negative_prompt`, for the text behind `positive` and `negative` of the samplers.
            text: The value: JSON where the present value is a number, true or false, otherwise the text itself.

        Raises:
            ValueError: There is no such input, or several.
        """
        for node_id, key in self._places(name):
            inputs = self.graph[node_id].setdefault("inputs", {})
            inputs[key] = value_like(inputs.get(key), text, name)

    def _places(self, name: str) -> list[tuple[str, str]]:
        if typed := self.inputs.get(name):
            return [(str(target["node_id"]), str(target["input"])) for target in typed["targets"]]
        node_id, dot, key = name.rpartition(".")
        if dot and node_id in self.graph:
            return [(node_id, key)]
        if name in _SAMPLER_LINKS and (found := sorted(set(self._texts(_SAMPLER_LINKS[name])))):
            return [(node_id, "text") for node_id in found]
        found = [node_id for node_id, node in self.graph.items() if self._is_literal(node, name)]
        if len(found) == 1:
            return [(found[0], name)]
        known = ", ".join(f"{node_id}.{name}" for node_id in found) or ", ".join(sorted(self._names())) or "none"
        raise ValueError(f"--input {name}: the graph has {'several' if found else 'no'} such inputs; there are {known}")

    def _texts(self, link: str) -> Iterator[str]:
        """Yields nodes with a literal text to which inputs named `link` lead, also through nodes that combine them."""
        waiting = [node["inputs"][link] for node in self.graph.values() if link in node.get("inputs", {})]
        seen = set[str]()
        while waiting:
            value = waiting.pop()
            if not isinstance(value, list) or not value or value[0] not in self.graph or value[0] in seen:
                continue
            seen.add(value[0])
            inputs = self.graph[value[0]].get("inputs", {})
            if self._is_literal(self.graph[value[0]], "text"):
                yield value[0]
            else:
                waiting += [each for key, each in inputs.items() if key.startswith("conditioning")]

    def _names(self) -> set[str]:
        named = {
            f"{node_id}.{key}"
            for node_id, node in self.graph.items()
            for key in node.get("inputs", {})
            if self._is_literal(node, key)
        }
        return named | set(self.inputs)

    @staticmethod
    def _is_literal(node: Mapping[str, Any], key: str) -> bool:
        inputs = node.get("inputs", {})
        return key in inputs and not isinstance(inputs[key], list)


def value_like(present: object, text: str, name: str) -> Any:
    """Returns `text` as a value of the type of `present`; `name` is for the error.

    Raises ValueError when `present` is a number or a boolean and `text` is not.
    """
    if not isinstance(present, bool | int | float):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, bool | int | float) or isinstance(value, bool) != isinstance(present, bool):
        raise ValueError(
            f"--input {name}: {text!r} is not {'true or false' if isinstance(present, bool) else 'a number'}"
        )
    return value
