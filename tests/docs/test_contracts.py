"""docs/contracts.md names every reason that the code gives, and no other."""

import grpc
import pytest

from atelier_gateway.replies import REPLIES
from tests.docs import reasons
from tests.docs.page import Page

PAGE = Page("docs/contracts.md")
SERVICES = "Reasons of the services"
JOBS = "Reasons in a failed job"
GATEWAY = "Reasons of the gateway"
CLIENT = "Reasons of the client library"

# Made of the code of a call that failed without details: see atelier_service/rpc_errors.py.
GENERIC = {"UPSTREAM_<CODE>"}


def test_the_walk_through_the_code_finds_reasons_of_every_kind() -> None:
    found = reasons.told_by_services()
    some = {"INVALID_FIELD", "IMAGE_NOT_FOUND", "VIDEO_NOT_READY", "RANGE_NOT_SATISFIABLE", "WORKER_LOST"}
    assert some | {"MODEL_MEMORY_BUSY", "FRAMES_MISSING", "ENCODING_FAILED"} <= set(found)


def test_every_reason_of_services_and_workers_is_documented() -> None:
    documented = set(PAGE.named(SERVICES)) | set(PAGE.named(JOBS))
    missing = {reason: place for reason, place in reasons.told_by_services().items() if reason not in documented}
    assert not missing


def test_no_reason_is_documented_that_is_never_raised() -> None:
    documented = set(PAGE.named(SERVICES)) | set(PAGE.named(JOBS))
    assert documented - GENERIC - set(reasons.told_by_services()) == set()


def test_the_gateways_reasons_are_those_documented_with_their_status() -> None:
    documented = PAGE.named(GATEWAY)
    assert set(documented) == set(reasons.told_by_gateway())
    for reply in REPLIES:
        if reply.http != 502:  # like 503
            assert documented[reply.reason][1] == str(reply.http)


def test_the_clients_reasons_are_those_documented() -> None:
    assert set(PAGE.named(CLIENT)) == set(reasons.told_by_client())


@pytest.mark.parametrize("section", [SERVICES, GATEWAY])
def test_every_code_is_one_of_grpc(section: str) -> None:
    codes = {row[0] for name, row in PAGE.named(section).items() if name not in GENERIC}
    assert codes <= {code.name for code in grpc.StatusCode}
