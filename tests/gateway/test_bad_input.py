"""Bad input is 400 and names the field, as far as Envoy can know it."""

import asyncio
import json

import pytest

from tests.gateway.mesh import Gateway, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")

GENERATE = "/api/v1/images/generate"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"prompt": "x", "steps": "abc"}', "steps"),
        ('{"prompt": "x", "steps": -1}', "steps"),
        ('{"prompt": "x", "width_px": 1.5}', "width_px"),
        ('{"prompt": "x", "width_px": true}', "width_px"),
        ('{"prompt": "x", "width_px": {}}', "width_px"),
        ('{"prompt": "x", "seed": 1e99}', "seed"),
        ('{"prompt": "x", "guidance_scale": "high"}', "guidance_scale"),
        ('{"prompt": 5}', "prompt"),
        ('{"prompt": {"a": 1}}', "prompt"),
        ('{"prompt": "x", "scheduler": "NOPE"}', "scheduler"),
        ('{"prompt": "x", "metadata": {"a": 5}}', "metadata[0].value"),
        ('{"prompt": "x", "metadata": [1]}', "metadata"),
        ('{"prompt": "x", "steps": "\\"<b>\\n: {}"}', "steps"),
        (json.dumps({"prompt": "x", "steps": "a" * 100_000}), "steps"),
    ],
)
async def test_a_value_of_the_wrong_type_is_named(gateway: Gateway, ada: dict[str, str], body: str, field: str) -> None:
    answer = await gateway.rest.post(
        GENERATE, headers={**ada, "content-type": "application/json"}, content=body.encode()
    )

    assert answer.status_code == 400
    info, bad_request = answer.json()["details"]
    assert info["reason"] == "INVALID_REQUEST"
    assert bad_request["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [violation["field"] for violation in bad_request["field_violations"]] == [field]
    assert answer.json()["message"].startswith(f"{field}: ")
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    "body",
    [b'{"prompt": "x"', b'{"prompt": "x", "guidance_scale": NaN}', b"[1]", b'"x"', b"5", b"x=1", b'{"prompt": ["x"]}',
     b'{"prompt": "\xff\xfe"}', b'{"prompt": "x"} {}', b'{"prompt": "\\ud800"}', b"\x00\x01", b"[" * 10_000],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
async def test_a_body_that_is_no_json_object_is_400(gateway: Gateway, ada: dict[str, str], body: bytes) -> None:
    answer = await gateway.rest.post(GENERATE, headers={**ada, "content-type": "application/json"}, content=body)

    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert answer.json()["message"]
    assert answer.json()["details"][0]["reason"] == "INVALID_REQUEST"
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/images?foo=1", "foo"),
        ("/api/v1/images?page_size=abc", "page_size"),
        ("/api/v1/images?state=NOPE", "state"),
        ("/api/v1/images/1?id=2", "id"),
        ("/api/v1/images/1/events?after_seq=-1", "after_seq"),
        ("/api/v1/images?%22%3Cb%3E=1", "%22%3Cb%3E"),
    ],
)
async def test_a_bad_query_parameter_is_named(gateway: Gateway, ada: dict[str, str], path: str, field: str) -> None:
    answer = await gateway.rest.get(path, headers=ada)

    assert answer.status_code == 400
    violations = answer.json()["details"][1]["field_violations"]
    assert [violation["field"] for violation in violations] == [field]


@pytest.mark.parametrize("path", ["/api/v1/images/a%2Fb", "/api/v1/images/a%5Cb", "/api/v1/images/%2e%2e%2fx"])
async def test_an_escaped_slash_is_refused(gateway: Gateway, ada: dict[str, str], path: str) -> None:
    answer = await gateway.rest.get(path, headers=ada)

    assert answer.status_code == 400
    assert answer.json()["details"][0]["reason"] == "INVALID_REQUEST"


async def test_a_method_that_http_does_not_know_is_refused(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.request("BREW", "/api/v1/images/1", headers=ada)

    assert answer.status_code == 400
    assert answer.json()["code"] == 3


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
async def test_a_body_that_says_that_it_is_no_json_is_415(gateway: Gateway, ada: dict[str, str], kind: str) -> None:
    answer = await gateway.rest.post(GENERATE, headers={**ada, "content-type": kind}, content=b'{"prompt": "x"}')

    assert answer.status_code == 415
    assert answer.json()["details"][0]["reason"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_may_say_its_charset(gateway: Gateway, ada: dict[str, str], kind: str) -> None:
    answer = await gateway.rest.post(GENERATE, headers={**ada, "content-type": kind}, content=b'{"prompt": "x"}')

    assert answer.status_code == 202


async def test_json_over_the_limit_is_413_with_and_without_a_length(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    body = json.dumps({"prompt": "x" * (gateway.settings.max_json_bytes + 1)}).encode()

    async def pieces() -> object:
        yield body

    for content in (body, pieces()):
        answer = await gateway.rest.post(
            GENERATE,
            headers={**ada, "content-type": "application/json"},
            content=content,  # type: ignore[arg-type]
        )
        assert answer.status_code == 413
        assert answer.json()["details"][0]["reason"] == "BODY_TOO_LARGE"


async def test_an_upload_that_says_that_it_is_too_large_is_413_before_its_first_byte(
    gateway: Gateway, ada: dict[str, str]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.settings.port)
    length = gateway.settings.max_upload_bytes + 1
    head = (
        f"POST /api/v1/assets HTTP/1.1\r\nhost: x\r\nauthorization: {ada['authorization']}\r\ncontent-length: {length}"
    )
    writer.write(f"{head}\r\n\r\n".encode())

    async with asyncio.timeout(5):
        status_line = await reader.readline()

    assert status_line.startswith(b"HTTP/1.1 413 ")
    writer.close()
    await writer.wait_closed()
