"""HEAD is answered as GET is, without the body."""

import pytest

from tests.gateway.doors import Door
from tests.gateway.mesh import Gateway, Upstream
from tests.gateway.routes import METHODS
from tests.gateway.services import CONTENT, ETAG

pytestmark = pytest.mark.asyncio(loop_scope="session")

OF_EACH_CALL = {"date", "x-trace-id", "x-ratelimit-remaining", "x-ratelimit-reset"}
# A length that is known beforehand, or not at all: the transcoder has to see the body to know.
OF_THE_BODY = {"content-length", "transfer-encoding"}


def told(headers: dict[str, str]) -> dict[str, str]:
    """What two answers must have in common."""
    return {name: value for name, value in headers.items() if name not in OF_EACH_CALL | OF_THE_BODY}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/images/1", "/api/v1/images/none", "/api/v1/images", "/api/v1/images?foo=1", "/api/v1/images/1/content",
        "/api/v1/videos/1/content", "/api/v1/videos/1/frames/0", "/api/v1/openapi.json", "/.well-known/jwks.json",
        "/healthz", "/", "/docs", "/nope", "/api/v1/images/generate/", "/api/v1/system/status",
    ],
)  # fmt: skip
@pytest.mark.parametrize("credential", ["token", "key", "none"])
async def test_head_returns_the_headers_of_get(
    gateway: Gateway, ada: dict[str, str], path: str, credential: str
) -> None:
    headers = {"token": ada, "key": {"x-api-key": "atl_ada_secret"}, "none": {}}[credential]

    got = await gateway.rest.get(path, headers=headers)
    head = await gateway.rest.head(path, headers=headers)

    assert (head.status_code, head.content) == (got.status_code, b"")
    assert told(dict(head.headers)) == told(dict(got.headers))


async def test_every_get_of_the_contract_accepts_head_and_documents_it(gateway: Gateway, ada: dict[str, str]) -> None:
    paths = {
        b.template.replace("{id}", "1").replace("{index}", "0") for m in METHODS for b in m.bindings if b.verb == "GET"
    }

    for path in paths:
        head = await gateway.rest.head(path, headers=ada)
        refused = await gateway.rest.request("PATCH", path, headers=ada)
        assert head.status_code != 405
        assert {"GET", "HEAD"} <= set(refused.headers["allow"].split(", "))


async def test_where_there_is_no_get_there_is_no_head(gateway: Gateway, ada: dict[str, str]) -> None:
    head = await gateway.rest.head("/api/v1/auth/token", headers=ada)

    assert (head.status_code, head.headers["allow"]) == (405, "POST")


async def test_head_of_a_file_has_its_full_length_with_any_range(gateway: Gateway, ada: dict[str, str]) -> None:
    for asked in ({}, {"range": "bytes=5-9"}, {"range": "bytes=999999-"}, {"range": "bytes=5-9", "if-range": ETAG}):
        head = await gateway.rest.head("/api/v1/images/1/content", headers={**ada, **asked})

        assert head.status_code == 200
        assert head.headers["content-length"] == str(len(CONTENT))
        assert head.headers["etag"] == ETAG
        assert "content-range" not in head.headers


async def test_head_takes_conditions(gateway: Gateway, ada: dict[str, str]) -> None:
    head = await gateway.rest.head("/api/v1/images/1/content", headers={**ada, "if-none-match": ETAG})

    assert (head.status_code, head.headers["etag"]) == (304, ETAG)


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
async def test_head_of_a_stream_opens_none(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str], accept: str
) -> None:
    headers = {**ada, "accept": accept}
    kind = accept if accept != "*/*" else "application/x-ndjson"

    for path in ("/api/v1/images/quiet/events?after_seq=3", "/api/v1/videos/slow/events", "/api/v1/events?after=x"):
        upstream.called.paths.clear()
        videos = upstream.videos
        videos.release.set()
        head = await gateway.rest.head(path, headers=headers)
        assert (head.status_code, head.headers["content-type"], head.content) == (200, kind, b"")
        assert not [called for called in upstream.called.paths if "Watch" in called or "Subscribe" in called]
    missing = await gateway.rest.head("/api/v1/images/none/events", headers=headers)
    assert missing.status_code == 404


async def test_a_connection_goes_on_after_head(gateway: Gateway, ada: dict[str, str]) -> None:
    token = ada["authorization"]
    door = Door(
        "head", "HEAD /api/v1/images/1/content HTTP/1.1\r\nhost: x\r\nauthorization: " + token + "\r\n\r\nGET /healthz"
    )

    answer = await door.ask(gateway.settings.port, read_to_end=True)

    assert answer.status == 200
    assert answer.body.startswith(b"HTTP/1.1 200 OK\r\n")
