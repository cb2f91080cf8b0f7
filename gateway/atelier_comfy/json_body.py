"""JSON bodies of requests: parsed, or refused with an error."""

from typing import Any

from aiohttp import web

from atelier_comfy.submission import PromptRefusedError
from atelier_graph.errors import GraphError
from atelier_graph.json_value import parse_json


async def read_json(request: web.Request) -> Any:
    """Parses the body; integers of any size stay exact. Raises PromptRefusedError."""
    return parsed(await request.read())


def parsed(text: bytes) -> Any:
    """Parses a body. Raises PromptRefusedError."""
    try:
        return parse_json(text)
    except GraphError as error:
        raise PromptRefusedError(error.body) from error


async def read_object(request: web.Request) -> dict[str, Any]:
    """Parses a body that may be empty; raises HTTPBadRequest when it is no JSON object."""
    text = await request.read()
    if not text.strip():
        return {}
    try:
        body = parse_json(text)
    except GraphError:
        raise web.HTTPBadRequest(text="the body is not JSON") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    return body
