"""Routes of the public port.

A REST request is matched twice: first by its own path, which determines credentials, framing and early refusals; after
transcoding by the RPC's path, which determines cluster, timeout and retries.
"""

import re
from collections import defaultdict

from atelier_gateway.clusters import CLUSTER_OF, NOWHERE, WEBSOCKETS, streams
from atelier_gateway.config import Config, seconds, typed
from atelier_gateway.contract import Binding, Method
from atelier_gateway.cors import build_preflights
from atelier_gateway.filters import transcoder
from atelier_gateway.pages import build_pages
from atelier_gateway.settings import GatewaySettings

_TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
_WAITING = frozenset({"GenerateImage", "UpdateImage", "GenerateVideo", "ExecuteWorkflow", "CreateExecution"})
"""RPCs that accept `Prefer: wait`."""
_LARGEST_LENGTH = 1 << 62

_NO_CREDENTIALS: Config = {
    "envoy.filters.http.jwt_authn": typed("extensions.filters.http.jwt_authn.v3.PerRouteConfig", disabled=True),
    "envoy.filters.http.ext_authz": typed("extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute", disabled=True),
}
_NO_TRANSCODING: Config = {_TRANSCODER: typed("config.route.v3.FilterConfig", disabled=True, config={})}
_PUBLIC_REST = ("/.well-known/jwks.json", "/api/v1/.well-known/jwks.json")


def _refuse(name: str, match: Config, http: int, message: str = "", **fields: object) -> Config:
    """Returns a route that refuses requests.

    Args:
        name: The name of the route.
        match: Its match.
        http: The HTTP status. The body is that of the local replies.
        message: The error message of a 400.
        **fields: Further fields of the route.
    """
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": http, "body": {"inline_string": message}},
        "typed_per_filter_config": _NO_TRANSCODING,
        **fields,
    }


def _rest(name: str, match: Config, **filters: Config) -> Config:
    """Returns a route for requests that will be transcoded.

    It has a cluster, though one without hosts, since the CORS filter ignores routes with a direct response.
    """
    return {"name": name, "match": match, "route": {"cluster": NOWHERE}, "typed_per_filter_config": dict(filters)}


def _preflight() -> Config:
    """Returns the route of CORS preflights. The CORS filter handles them; one of an unknown origin is a 401."""
    asked = {"name": "access-control-request-method", "present_match": True}
    options = {"name": ":method", "string_match": {"exact": "OPTIONS"}}
    return _rest("preflight", {"prefix": "/", "headers": [options, asked]})


def _method_is_not(verbs: set[str]) -> Config:
    return {
        "name": ":method",
        "string_match": {"safe_regex": {"regex": "|".join(sorted(verbs))}},
        "invert_match": True,
    }


def _path_match(binding: Binding) -> Config:
    return {"path": binding.template} if binding.is_literal else {"safe_regex": {"regex": binding.pattern}}


def _path_is_not(template: str) -> Config:
    regex = re.escape(template) + r"(\?.*)?"
    return {"name": ":path", "string_match": {"safe_regex": {"regex": regex}}, "invert_match": True}


def _method_not_allowed(methods: tuple[Method, ...]) -> list[Config]:
    """Returns the routes for known paths with an unknown verb: 405 with `Allow`. The transcoder would return 404."""
    verbs: dict[str, set[str]] = defaultdict(set)
    bindings = {b.template: b for m in methods for b in m.bindings}
    for method in methods:
        for binding in method.bindings:
            # HEAD must match the route of GET: whether a request is transcoded is decided before head.lua runs.
            verbs[binding.template] |= {"GET", "HEAD"} if binding.verb == "GET" else {binding.verb}
    # `/images/generate` also matches `/images/{id}`: it allows the verbs of both, and only its own route refuses it.
    wider = {
        template: [w for w in bindings.values() if not w.is_literal and re.fullmatch(w.pattern, template)]
        for template, binding in bindings.items()
        if binding.is_literal
    }
    found = []
    for template, binding in sorted(bindings.items()):
        allowed = verbs[template].union(*(verbs[other.template] for other in wider.get(template, [])))
        narrower = [literal for literal, others in wider.items() if binding in others]
        match = {
            **_path_match(binding),
            "headers": [_method_is_not(allowed), *(_path_is_not(literal) for literal in narrower)],
        }
        allow = [{"header": {"key": "allow", "value": ", ".join(sorted(allowed))}}]
        found.append(_refuse(f"405 {template}", match, 405, response_headers_to_add=allow))
    return found


def _not_json(methods: tuple[Method, ...]) -> list[Config]:
    """Returns the routes for RPCs with a JSON body and another content type: 415."""
    bindings = {(b.template, b.verb): b for m in methods if not m.takes_bytes for b in m.bindings if b.body}
    not_json = [
        {"name": "content-type", "present_match": True},
        {"name": "content-type", "string_match": {"prefix": "application/json", "ignore_case": True},
         "invert_match": True},
    ]  # fmt: skip
    return [
        _refuse(
            f"415 {verb} {template}",
            {
                **_path_match(binding),
                "headers": [{"name": ":method", "string_match": {"exact": verb}}, *not_json],
            },
            415,
        )
        for (template, verb), binding in sorted(bindings.items())
    ]


def _not_rest() -> list[Config]:
    """Returns the routes for gRPC calls of a REST path, which are not transcoded: 415."""
    grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    return [
        _refuse(f"415 gRPC {prefix}", {"prefix": prefix, "headers": [grpc]}, 415)
        for prefix in ("/api/", "/.well-known/")
    ]


def _uploads(settings: GatewaySettings, methods: tuple[Method, ...]) -> list[Config]:
    """Returns the routes of uploads, which are streamed, and of those whose Content-Length is too large: 413."""
    paths = sorted(b.template for m in methods if m.takes_bytes for b in m.bindings)
    length = {"start": settings.max_upload_bytes + 1, "end": _LARGEST_LENGTH}
    too_long = {"name": "content-length", "range_match": length}
    return [
        *(_refuse(f"413 {path}", {"path": path, "headers": [too_long]}, 413) for path in paths),
        *(_rest(f"upload {path}", {"path": path}) for path in paths),
    ]


def _streams(settings: GatewaySettings, methods: tuple[Method, ...], **filters: Config) -> list[Config]:
    """Returns the routes of event streams.

    Services write the frames (NDJSON, server-sent events) themselves, since the transcoder supports neither `id:` nor
    the content type of NDJSON.
    """
    framed = [method for method in methods if method.is_framed]
    framing = {_TRANSCODER: transcoder(settings, framed)}
    return [
        _rest(f"stream {binding.template}", _path_match(binding), **filters, **framing)
        for method in framed
        for binding in method.bindings
    ]


def _bounded(max_bytes: int) -> Config:
    """Returns the filters of a route whose requests have JSON bodies of at most `max_bytes`."""
    kind = "extensions.filters.http.buffer.v3.BufferPerRoute"
    return {"envoy.filters.http.buffer": typed(kind, buffer={"max_request_bytes": max_bytes})}


def _graphs(settings: GatewaySettings, methods: tuple[Method, ...]) -> list[Config]:
    """Returns the routes of requests with a graph, whose bodies may be larger than others."""
    bounded = _bounded(settings.max_graph_bytes)
    return [
        _rest(
            f"graph {binding.verb} {binding.template}",
            {**_path_match(binding), "headers": [{"name": ":method", "string_match": {"exact": binding.verb}}]},
            **bounded,
        )
        for method in methods
        if method.takes_raw_json
        for binding in method.bindings
    ]


def _rpc(settings: GatewaySettings, method: Method) -> Config:
    """Returns the route of one RPC, for gRPC, gRPC-Web and transcoded requests."""
    cluster = CLUSTER_OF[method.service]
    # Both mean that the service has not received the request. A read may be repeated even if it was received.
    retry_on = "connect-failure,refused-stream"
    if method.is_read:
        retry_on += ",reset"
    streaming = method.streams_in or method.streams_out
    timeout = settings.submit_timeout_s if method.name in _WAITING else settings.call_timeout_s
    longest = {"max_stream_duration": {"max_stream_duration": seconds(settings.download_timeout_s)}}
    return {
        "name": f"{method.service}/{method.name}",
        "match": {"path": method.path},
        "route": {
            "cluster": streams(cluster) if streaming else cluster,
            "timeout": "0s" if streaming else seconds(timeout),
            "idle_timeout": seconds(settings.idle_timeout_s),
            "retry_policy": {
                "retry_on": retry_on,
                "num_retries": 5,
                "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"},
                # Retry on another host, if there are several.
                "retry_host_predicate": [
                    {
                        "name": "envoy.retry_host_predicates.previous_hosts",
                        "typed_config": typed("extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
                    }
                ],
                "host_selection_retry_max_attempts": 3,
            },
            **(longest if method.gives_bytes else {}),
        },
    }


def _websocket(settings: GatewaySettings) -> Config:
    return {
        "name": "websocket",
        "match": {"path": "/ws/v1/events"},
        "route": {
            "cluster": WEBSOCKETS,
            "timeout": "0s",
            "idle_timeout": seconds(settings.idle_timeout_s),
            "upgrade_configs": [{"upgrade_type": "websocket"}],
        },
        "typed_per_filter_config": _NO_TRANSCODING,
    }


def build_routes(settings: GatewaySettings, methods: tuple[Method, ...]) -> Config:
    """Returns the route table. Other paths are 404, or UNIMPLEMENTED for gRPC: internal RPCs, reflection, health.

    Args:
        settings: Limits, timeouts and CORS origins.
        methods: The public RPCs of the contract.
    """
    bounded = _bounded(settings.max_json_bytes)
    return {
        "name": "public",
        "max_direct_response_body_size_bytes": 4 << 20,
        "virtual_hosts": [
            {
                "name": "public",
                "domains": ["*"],
                "request_headers_to_remove": ["x-api-key"],
                "typed_per_filter_config": build_preflights(settings),
                "routes": [
                    *([_preflight()] if settings.cors_origins else []),
                    _websocket(settings),
                    *build_pages(settings, {**_NO_CREDENTIALS, **_NO_TRANSCODING}),
                    *_method_not_allowed(methods),
                    *_not_json(methods),
                    *_not_rest(),
                    *_uploads(settings, methods),
                    *(_rest(f"public {path}", {"path": path}, **_NO_CREDENTIALS) for path in _PUBLIC_REST),
                    *_streams(settings, methods, **bounded),
                    *_graphs(settings, methods),
                    _rest("rest", {"prefix": "/api/"}, **bounded),
                    *(_rpc(settings, method) for method in methods),
                    # There must be a route for every request: ext_authz does not check a request without a route.
                    _refuse("nowhere", {"prefix": "/"}, 404),
                ],
            }
        ],
    }
