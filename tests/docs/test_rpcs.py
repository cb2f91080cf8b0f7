"""Every RPC is reachable through the gateway and documented, or named as internal; and the other way round."""

import json
import re

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from atelier.auth.v1 import auth_pb2
from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_service_pb2, worker_service_pb2
from atelier.models.v1 import model_service_pb2, model_worker_service_pb2
from atelier.storage.v1 import storage_pb2
from atelier.type.v1 import access_pb2
from atelier.video.v1 import video_pb2
from atelier.workflow.v1 import execution_pb2, workflow_pb2, workflow_worker_service_pb2
from atelier_gateway.contract import read_methods
from atelier_service.access import access_of
from tests.docs.page import ROOT, Page

LOADED = (
    auth_pb2,
    events_pb2,
    image_pb2,
    job_service_pb2,
    model_service_pb2,
    model_worker_service_pb2,
    storage_pb2,
    video_pb2,
    worker_service_pb2,
    execution_pb2,
    workflow_pb2,
    workflow_worker_service_pb2,
)  # their descriptors, that is
CALLERS = {
    access_pb2.ANYBODY: "none",
    access_pb2.ANY_USER: "of any user",
    access_pb2.SERVICE: "of a service",
    access_pb2.WORKER: "of a worker",
}
PAGE = Page("docs/contracts.md")
DESCRIPTORS = ROOT / "gateway/atelier_gateway/envoy/atelier.binpb"
OPENAPI = json.loads((ROOT / "gateway/atelier_gateway/envoy/openapi.json").read_text("utf-8"))
VERBS = {"get", "put", "post", "delete", "patch"}


def described() -> set[str]:
    """Every route of the OpenAPI document."""
    return {f"{verb.upper()} {path}" for path, item in OPENAPI["paths"].items() for verb in item if verb in VERBS}


def documented() -> set[str]:
    """Every route of the table in the contracts."""
    return set(PAGE.named("Routes"))


def internal() -> set[str]:
    """Every RPC of ours that has no route."""
    files = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
    return {
        f"{file.package}.{service.name}/{method.name}"
        for file in files
        if file.package.startswith("atelier.")
        for service in file.service
        for method in service.method
        if not method.options.HasExtension(annotations_pb2.http)
    }


def test_every_annotated_rpc_is_in_the_openapi_document() -> None:
    annotated = {f"{b.verb} {b.template}" for method in read_methods(DESCRIPTORS) for b in method.bindings}
    assert annotated == described()


def test_every_route_is_in_the_table_and_every_row_is_a_route() -> None:
    assert documented() == described()


def test_every_other_rpc_is_named_as_internal() -> None:
    assert set(PAGE.named("Internal methods")) == internal()


def test_every_rpc_has_an_access_rule_which_the_table_of_scopes_contains() -> None:
    table = {
        name: row[0].removeprefix("with ").strip("`")
        for row in PAGE.rows("Scopes")
        for name in re.findall(r"`(\w+)`", row[1])
    }
    rules = {}
    for path in {*internal(), *(method.path.strip("/") for method in read_methods(DESCRIPTORS))}:
        access = access_of(f"/{path}")
        rules[path.rpartition("/")[2]] = access.scope or CALLERS[access.caller]
    assert table == rules


def test_routes_that_other_pages_name_exist() -> None:
    templates = [re.sub(r"\{[^}]+\}", "[^/]+", route.split()[1]) for route in described()]
    for page in (Page("README.md"), PAGE, Page("docs/architecture.md"), Page("docs/operations.md")):
        named = re.findall(r"`(?:GET|PUT|POST|DELETE) (/[^`?]+)[^`]*`", page.text)
        known = [*templates, "/", "/docs", "/healthz", "/ws/v1/events", "/api/v1/openapi.json"]
        assert [path for path in named if not any(re.fullmatch(t, path) for t in known)] == []
