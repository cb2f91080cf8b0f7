"""REST in, gRPC behind, REST out."""

from typing import Any

import pytest

from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2
from tests.gateway.doors import PUBLIC, REST, Door
from tests.gateway.mesh import Gateway, Upstream
from tests.gateway.services import CONTENT, ETAG

pytestmark = pytest.mark.asyncio(loop_scope="session")


def told(body: dict[str, Any]) -> tuple[int, str]:
    """Code and reason of an error."""
    infos = [d for d in body["details"] if d["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"]
    assert [info["domain"] for info in infos] == ["atelier"]
    return body["code"], infos[0]["reason"]


async def test_a_response_has_the_names_of_the_contract_and_prints_defaults(
    gateway: Gateway, ada: dict[str, str]
) -> None:
    body = (await gateway.rest.get("/api/v1/images/7", headers=ada)).json()

    assert body["id"] == "7"
    assert body["state"] == "RUNNING"
    assert body["trace_id"] == ""
    assert body["outputs"] == []


async def test_a_servicer_chooses_the_status_and_adds_headers(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.post("/api/v1/images/generate", headers=ada, json={"prompt": "a red circle"})

    assert answer.status_code == 202
    assert answer.headers["location"] == "/api/v1/images/1"
    assert answer.json()["parameters"]["prompt"] == "a red circle"
    assert not [name for name in answer.headers if name.startswith(("grpc-", "x-http-", "x-envoy-", "x-local"))]


async def test_request_headers_reach_the_servicer(gateway: Gateway, upstream: Upstream, ada: dict[str, str]) -> None:
    headers = {**ada, "prefer": "wait=5", "idempotency-key": "k"}

    await gateway.rest.post("/api/v1/images/generate", headers=headers, json={"prompt": "x"})

    assert upstream.images.metadata["prefer"] == "wait=5"
    assert upstream.images.metadata["idempotency-key"] == "k"


async def test_query_parameters_fill_the_request(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get("/api/v1/images?page_size=7&state=RUNNING", headers=ada)

    assert answer.json()["next_page_token"] == "7 2"


async def test_an_empty_message_is_an_empty_object(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.delete("/api/v1/images/1", headers=ada)

    assert (answer.status_code, answer.json()) == (200, {})


async def test_a_post_without_a_body_is_an_empty_message(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.post("/api/v1/images/1/cancel", headers=ada)

    assert answer.json()["state"] == "CANCELING"


async def test_an_error_of_a_service_keeps_its_details(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get("/api/v1/images/none", headers=ada)

    assert answer.status_code == 404
    assert told(answer.json()) == (5, "IMAGE_NOT_FOUND")
    assert answer.headers["content-type"] == "application/json"


async def test_an_error_of_a_service_may_bring_headers(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.post("/api/v1/images/generate", headers=ada, json={"prompt": "queue full"})

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert told(answer.json()) == (8, "QUEUE_FULL")


@pytest.mark.parametrize("path", ["/nope", "/api/v1/nope", "/api/v1/images/1/nope", "/metrics", "/admin"])
async def test_an_unknown_path_is_404(gateway: Gateway, ada: dict[str, str], path: str) -> None:
    answer = await gateway.rest.get(path, headers=ada)

    assert answer.status_code == 404
    assert told(answer.json()) == (5, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("PATCH", "/api/v1/images/1", "DELETE, GET, HEAD, PUT"),
        ("POST", "/api/v1/images/1?x=1", "DELETE, GET, HEAD, PUT"),
        ("OPTIONS", "/api/v1/images", "GET, HEAD"),
        ("DELETE", "/api/v1/images/1/content", "GET, HEAD"),
        ("PATCH", "/api/v1/images/generate", "DELETE, GET, HEAD, POST, PUT"),
        ("PUT", "/api/v1/videos/generate", "DELETE, GET, HEAD, POST"),
        ("PUT", "/api/v1/videos/1", "DELETE, GET, HEAD"),
        ("POST", "/api/v1/videos", "GET, HEAD"),
        ("GET", "/api/v1/videos/1/cancel", "POST"),
        ("HEAD", "/api/v1/videos/1/cancel", "POST"),
        ("POST", "/api/v1/videos/1/events", "GET, HEAD"),
        ("DELETE", "/api/v1/videos/1/frames", "GET, HEAD"),
        ("PUT", "/api/v1/videos/1/frames/0", "GET, HEAD"),
        ("GET", "/api/v1/video-models/1/load", "POST"),
    ],
)
async def test_a_known_path_with_another_method_is_405(
    gateway: Gateway, ada: dict[str, str], verb: str, path: str, allowed: str
) -> None:
    answer = await gateway.rest.request(verb, path, headers=ada)

    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    if verb != "HEAD":
        assert told(answer.json()) == (12, "METHOD_NOT_ALLOWED")


async def test_content_comes_whole_with_its_length(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get("/api/v1/images/1/content", headers=ada)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["etag"] == ETAG
    assert answer.content == CONTENT


async def test_content_comes_in_part(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get("/api/v1/images/1/content", headers={**ada, "range": "bytes=10-19"})

    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes 10-19/{len(CONTENT)}"
    assert answer.content == CONTENT[10:20]


async def test_content_that_is_known_is_not_sent_again(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get("/api/v1/images/1/content", headers={**ada, "if-none-match": ETAG})

    assert answer.status_code == 304
    assert answer.headers["etag"] == ETAG
    assert "content-type" not in answer.headers
    assert answer.content == b""


async def test_a_part_that_is_not_there_is_416(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get("/api/v1/images/1/content", headers={**ada, "range": "bytes=999999-"})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert told(answer.json()) == (11, "RANGE_NOT_SATISFIABLE")


async def test_a_frame_is_requested_by_index_width_and_format(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    answer = await gateway.rest.get("/api/v1/videos/7/frames/15?width_px=64&format=WEBP", headers=ada)

    assert answer.headers["content-type"] == "image/webp"
    assert answer.content == CONTENT
    assert upstream.videos.frame == video_pb2.GetVideoFrameRequest(
        id="7", index=15, width_px=64, format=type_pb2.PictureFormat.WEBP
    )


async def test_another_file_of_a_video_is_requested_by_its_role(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    answer = await gateway.rest.get("/api/v1/videos/7/content?role=CONTACT_SHEET", headers=ada)

    assert answer.content == CONTENT
    assert upstream.videos.role == video_pb2.CONTACT_SHEET


@pytest.mark.parametrize("door", [PUBLIC, REST], ids=lambda door: door.name)
async def test_a_proxy_may_speak_http_1_0(gateway: Gateway, door: Door) -> None:
    answer = await door.ask(gateway.settings.port, [(b"x-api-key", b"atl_ada_secret")], version="1.0")

    assert answer.status == 200
    assert answer.body.startswith(b"{")


async def test_http_1_0_gets_whole_files_and_streams(gateway: Gateway) -> None:
    key = [(b"x-api-key", b"atl_ada_secret")]

    content = await Door("content", "GET /api/v1/images/1/content").ask(gateway.settings.port, key, version="1.0")
    events = await Door("events", "GET /api/v1/images/1/events").ask(gateway.settings.port, key, version="1.0")

    assert content.body == CONTENT
    assert len(events.body.splitlines()) == 3
    assert "transfer-encoding" not in events.headers
