"""Every public RPC of the contracts, and a request for each of its routes."""

import re

import pytest

from atelier_gateway.contract import Method, read_methods
from atelier_gateway.settings import FILES

METHODS = read_methods(FILES / "atelier.binpb")


def _requests() -> list[tuple[str, str, Method]]:
    framed = {binding for method in METHODS if method.is_framed for binding in method.bindings}
    return [
        (binding.verb, re.sub(r"\{\w+\}", "1", binding.template), method)
        for method in METHODS
        for binding in method.bindings
        # Streams of events have two RPCs on one route: REST reaches the one that writes frames.
        if method.is_framed or binding not in framed
    ]


every_rpc = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.path)
every_route = pytest.mark.parametrize(
    ("verb", "path", "method"), [pytest.param(*request, id=" ".join(request[:2])) for request in _requests()]
)
every_closed_route = pytest.mark.parametrize(
    ("verb", "path"),
    [
        pytest.param(verb, path, id=f"{verb} {path}")
        for verb, path, method in _requests()
        if method.name != "GetJwks"  # which needs no credentials
    ],
)
