"""Hidden inputs: values of the execution that node classes declare and prompts do not give."""

from collections.abc import Mapping
from typing import Any

from atelier_graph.node_class import NodeClass
from atelier_graph.prompt import Prompt

_FROM_EXTRA_DATA = {
    "EXTRA_PNGINFO": "extra_pnginfo",
    "AUTH_TOKEN_COMFY_ORG": "auth_token_comfy_org",
    "API_KEY_COMFY_ORG": "api_key_comfy_org",
    "COMFY_USAGE_SOURCE": "comfy_usage_source",
}


def hidden_values(
    node_class: NodeClass, node_id: str, prompt: Prompt | None, dynamic: object, extra_data: Mapping[str, Any]
) -> dict[str, Any]:
    """The hidden inputs that a class declares, by name.

    Args:
        node_class: The class.
        node_id: The value of UNIQUE_ID.
        prompt: The value of PROMPT; None for an empty graph.
        dynamic: The value of DYNPROMPT: the prompt with the nodes of expansions.
        extra_data: What was submitted with the prompt.
    """
    values: dict[str, Any] = {}
    for spec in node_class.hidden:
        kind = spec.type
        if kind == "UNIQUE_ID":
            values[spec.name] = node_id
        elif kind == "PROMPT":
            values[spec.name] = {} if prompt is None else prompt.to_json()
        elif kind == "DYNPROMPT":
            values[spec.name] = dynamic
        elif kind in _FROM_EXTRA_DATA:
            values[spec.name] = extra_data.get(_FROM_EXTRA_DATA[kind])
    return values
