"""Bad input is 400 and names the field, as far as Envoy can know it."""

import asyncio
import json

import protovalidate
import pytest

from tests.gateway.doors import PATIENCE_S, Door, read_answer
from tests.gateway.mesh import Gateway, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")

GENERATE = "/api/v1/images/generate"
GENERATE_VIDEO = "/api/v1/videos/generate"


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
        ('{"prompt": "x", "metadata": {"a": 5}}', "metadata.a"),
        ('{"prompt": "x", "metadata": [1]}', "metadata"),
        ('{"prompt": "x", "steps": "\\"<b>\\n: {}"}', "steps"),
        (json.dumps({"prompt": "x", "steps": "a" * 100_000}), "steps"),
    ],
)
@pytest.mark.parametrize("path", [GENERATE, GENERATE_VIDEO])
async def test_a_value_of_the_wrong_type_is_named(
    gateway: Gateway, ada: dict[str, str], path: str, body: str, field: str
) -> None:
    answer = await gateway.rest.post(path, headers={**ada, "content-type": "application/json"}, content=body.encode())

    assert answer.status_code == 400
    info, bad_request = answer.json()["details"]
    assert info["reason"] == "INVALID_REQUEST"
    assert bad_request["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [violation["field"] for violation in bad_request["field_violations"]] == [field]
    assert answer.json()["message"].startswith(f"{field}: ")
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("container", "NOPE"),
        ("container", "mp4"),
        ("container", ""),
        ("container", 1.5),
        ("container", True),
        ("frames", -1),
        ("frames", 1.5),
        ("frames", 2**32),
        ("frame_rate_hz", "fast"),
        ("first_frame_asset_id", 5),
    ],
)
async def test_a_value_that_no_video_has_is_named_and_not_dropped(
    gateway: Gateway, ada: dict[str, str], field: str, value: object
) -> None:
    answer = await gateway.rest.post(GENERATE_VIDEO, headers=ada, json={"prompt": "x", field: value})

    assert answer.status_code == 400
    violations = answer.json()["details"][1]["field_violations"]
    assert [violation["field"] for violation in violations] == [field]


async def test_a_zero_and_an_unknown_number_of_an_enum_reach_the_service_which_refuses_them(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    await gateway.rest.post(GENERATE_VIDEO, headers=ada, json={"prompt": "x", "frames": 0, "container": 99})

    seen = upstream.videos.parameters
    assert seen.HasField("frames")
    assert (seen.frames, seen.container) == (0, 99)
    with pytest.raises(protovalidate.ValidationError) as refused:
        protovalidate.validate(seen)
    fields = [violation.proto.field for violation in refused.value.violations]
    assert {field.elements[0].field_name for field in fields if field} == {"frames", "container"}


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
        ("/api/v1/images?page_size=1&page_size=2", "page_size"),
        ("/api/v1/images?page_size=2147483648", "page_size"),
        ("/api/v1/images?page_token=%FF", "page_token"),
        ("/api/v1/images?page_token=%C3%28", "page_token"),
        ("/api/v1/images?%FF=1", "%FF"),
        ("/api/v1/images/%FF", "id"),
        ("/api/v1/images/%ED%A0%80", "id"),
        ("/api/v1/images?state=NOPE", "state"),
        ("/api/v1/images/1?id=2", "id"),
        ("/api/v1/images/1/events?after_seq=-1", "after_seq"),
        ("/api/v1/images?%22%3Cb%3E=1", "%22%3Cb%3E"),
        ("/api/v1/videos?state=NOPE", "state"),
        ("/api/v1/videos/1/content?role=NOPE", "role"),
        ("/api/v1/videos/1/content?index=0", "index"),
        ("/api/v1/videos/1/events?after_seq=x", "after_seq"),
        ("/api/v1/videos/1/frames/0?format=NOPE", "format"),
        ("/api/v1/videos/1/frames/0?width_px=wide", "width_px"),
        ("/api/v1/videos/1/frames/0?index=1", "index"),
        ("/api/v1/videos/1/frames/x", "index"),
        ("/api/v1/videos/1/frames/-1", "index"),
        ("/api/v1/videos/1/frames/1.5", "index"),
        ("/api/v1/videos/1/frames/4294967296", "index"),
    ],
)
async def test_a_bad_part_of_the_url_is_named(gateway: Gateway, ada: dict[str, str], path: str, field: str) -> None:
    answer = await gateway.rest.get(path, headers=ada)

    assert answer.status_code == 400
    violations = answer.json()["details"][1]["field_violations"]
    assert [violation["field"] for violation in violations] == [field]


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("width", "width_px"),
        ("Width_PX", "width_px"),
        ("promt", "prompt"),
        ("negativePromt", "negative_prompt"),
        ("guidance", "guidance_scale"),
        ("step", "steps"),
        ("format", None),
        ("sampler", None),
        ("n", None),
        ('a"b\\t\n\t\x00é', None),
        ("x" * 200, None),
    ],
)
async def test_an_unknown_field_is_named_and_so_is_the_one_that_was_meant(
    gateway: Gateway, ada: dict[str, str], field: str, meant: str | None
) -> None:
    answer = await gateway.rest.post(GENERATE, headers=ada, json={"prompt": "x", field: 1})

    assert answer.status_code == 400
    assert [detail["@type"].rpartition(".")[2] for detail in answer.json()["details"]] == ["ErrorInfo", "BadRequest"]
    (violation,) = answer.json()["details"][1]["field_violations"]
    assert violation["description"] == "unknown field" + (f"; did you mean {meant}?" if meant else "")
    if len(field) < 20:
        assert violation["field"].startswith(field[:3])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"prompt": "x",}', "the body is not JSON: a comma before } at line 1, column 16"),
        (b'{"prompt":\n  NaN}', "the body is not JSON: expected a value at line 2, column 3"),
        (b'{"prompt": "x"', "the body is not JSON: it ends where a comma or } should be at line 1, column 15"),
        (b'{"prompt": "\xff"}', "the body is not JSON: bytes that are not UTF-8 at line 1, column 13"),
        (b'{"prompt": "\\udc00"}', "the body is not JSON: half of a surrogate pair at line 1, column 13"),
        (b'\xef\xbb\xbf{"prompt": "x"}', "the body is not JSON: it begins with a byte order mark"),
        (b'{"prompt": "\x00"}', "the body is not JSON: a control character in a string at line 1, column 13"),
        (b'{"prompt": "x", "prompt": "y"}', "prompt: it is there twice"),
        (b'{"metadata": {"a": {"b": 1}}}', "metadata.a: an object is not a string"),
        (b'{"metadata": {"a": "1", "\\u0061": "2"}}', "metadata.a: it is there twice"),
        (b'{"metadata": {"a b": null}}', 'metadata["a b"]: null is not a string'),
        (b'{"guidance_scale": 1e400}', "guidance_scale: 1e400 is not a number"),
        (b"null", "the body is not a JSON object"),
    ],
)
async def test_the_error_of_a_body_names_its_fault(
    gateway: Gateway, ada: dict[str, str], body: bytes, message: str
) -> None:
    answer = await gateway.rest.post(GENERATE, headers={**ada, "content-type": "application/json"}, content=body)

    assert (answer.status_code, answer.json()["message"]) == (400, message)


async def test_the_worst_bodies_are_refused_early(gateway: Gateway, ada: dict[str, str]) -> None:
    size = gateway.settings.max_json_bytes - 100
    many = ",".join(f'"{key:x}":""' for key in range(size // 13))
    worst = [
        b'{"metadata": {"a":' + b"[" * size,
        b'{"metadata": {' + many.encode() + b"}}",
        b'{"metadata": {"' + b"\\n" * (size // 2) + b'": 1}}',
        b"\n" * size + b"{,",
        b'{"steps": ' + b"1" * size + b"}",
        b'{"scheduler": "' + b"\\u00e9" * (size // 6) + b'"}',
    ]
    for body in worst:
        answer = await gateway.rest.post(GENERATE, headers={**ada, "content-type": "application/json"}, content=body)
        assert answer.status_code == 400, answer.text
        assert len(answer.content) < 1000


async def test_a_large_body_that_is_right_arrives(gateway: Gateway, ada: dict[str, str]) -> None:
    prompt = "ä\n" * 200_000
    answer = await gateway.rest.post(GENERATE, headers=ada, json={"prompt": prompt})

    assert answer.status_code == 202
    assert answer.json()["parameters"]["prompt"] == prompt


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", "/api/v1/images"), ("DELETE", "/api/v1/images/1"), ("GET", "/api/v1/images/1/content")],
)
async def test_a_body_where_none_is_taken_is_refused(
    gateway: Gateway, ada: dict[str, str], verb: str, path: str
) -> None:
    answer = await gateway.rest.request(verb, path, headers=ada, json={"state": "QUEUED"})

    assert (answer.status_code, answer.json()["message"]) == (400, "this route takes no body")


async def test_a_body_may_be_empty_where_its_message_may(gateway: Gateway, ada: dict[str, str]) -> None:
    for body in (b"", b"{}", b" { } \n"):
        headers = {**ada, "content-type": "application/json"}
        answer = await gateway.rest.post("/api/v1/images/1/cancel", headers=headers, content=body)
        assert answer.status_code == 200, answer.text
    answer = await gateway.rest.post("/api/v1/images/1/cancel", headers=ada, json={"id": "2"})
    assert (answer.status_code, answer.json()["message"]) == (400, "id: it is part of the path")


async def test_a_plus_in_a_query_is_a_space(gateway: Gateway, ada: dict[str, str]) -> None:
    path = "/api/v1/assets?filename=a+red%2Bblue+circle.png"
    answer = await gateway.rest.post(path, headers=ada, content=b"x")

    assert answer.json()["filename"] == "a red+blue circle.png"


@pytest.mark.parametrize("path", ["/api/v1/images/a%2Fb", "/api/v1/images/a%5Cb", "/api/v1/images/%2e%2e%2fx"])
async def test_an_escaped_slash_is_refused(gateway: Gateway, ada: dict[str, str], path: str) -> None:
    answer = await gateway.rest.get(path, headers=ada)

    assert answer.status_code == 400
    assert answer.json()["details"][0]["reason"] == "INVALID_REQUEST"


@pytest.mark.parametrize("method", ["QUERY", "PROPFIND", "TRACE", "OPTIONS", "PATCH", "POST"])
@pytest.mark.parametrize("kind", [{}, {"content-type": "application/json"}], ids=["bare", "json"])
async def test_a_method_that_a_path_does_not_know_is_405(
    gateway: Gateway, ada: dict[str, str], method: str, kind: dict[str, str]
) -> None:
    answer = await gateway.rest.request(method, "/api/v1/images/1", headers={**ada, **kind})

    assert answer.status_code == 405
    assert answer.json()["details"][0]["reason"] == "METHOD_NOT_ALLOWED"


async def test_a_method_that_http_does_not_know_is_refused(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.request("BREW", "/api/v1/images/1", headers=ada)

    assert answer.status_code == 400
    assert answer.json()["code"] == 3


@pytest.mark.parametrize("path", [GENERATE, GENERATE_VIDEO])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
async def test_a_body_whose_type_is_not_json_is_415(
    gateway: Gateway, ada: dict[str, str], path: str, kind: str
) -> None:
    answer = await gateway.rest.post(path, headers={**ada, "content-type": kind}, content=b'{"prompt": "x"}')

    assert answer.status_code == 415
    assert answer.json()["details"][0]["reason"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_may_have_a_charset(gateway: Gateway, ada: dict[str, str], kind: str) -> None:
    answer = await gateway.rest.post(GENERATE, headers={**ada, "content-type": kind}, content=b'{"prompt": "x"}')

    assert answer.status_code == 202


@pytest.mark.parametrize("excess_bytes", [1, 1 << 18, 1 << 20, 20 << 20])
@pytest.mark.parametrize("credential", ["token", "key", "none"])
async def test_json_over_the_limit_is_413_with_and_without_a_length(
    gateway: Gateway, ada: dict[str, str], credential: str, excess_bytes: int
) -> None:
    # Nobody waits for the body while auth is asked about a key, nor the other way round.
    who = {"token": ada, "key": {"x-api-key": "atl_ada_secret"}, "none": {}}[credential]
    headers = [(name.encode(), value.encode()) for name, value in who.items()]
    body = b" " * (gateway.settings.max_json_bytes + excess_bytes)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    for framing, content in ([], body), ([(b"transfer-encoding", b"chunked")], chunked):
        door = Door("submit", f"POST {GENERATE}", ((b"content-type", b"application/json"),), content)
        answer = await door.ask(gateway.settings.port, [*headers, *framing])
        assert answer.status == 413
        assert json.loads(answer.body)["details"][0]["reason"] == "BODY_TOO_LARGE"


async def test_an_upload_that_declares_too_large_a_size_is_413_before_its_first_byte(
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


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ("connection: upgrade\r\nupgrade: websocket", "this route takes no upgrade"),
        ("transfer-encoding: gzip, chunked", "the transfer encoding is not known; send chunked"),
    ],
)
async def test_what_http_allows_and_no_route_takes_is_a_bad_request(
    gateway: Gateway, ada: dict[str, str], headers: str, message: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.settings.port)
    head = f"POST {GENERATE} HTTP/1.1\r\nhost: x\r\nauthorization: {ada['authorization']}\r\n{headers}\r\n\r\n"
    writer.write(head.encode())

    async with asyncio.timeout(PATIENCE_S):
        answer = await read_answer(reader)

    status = json.loads(answer.body)
    assert (answer.status, status["message"]) == (400, message)
    assert status["details"][0]["reason"] == "INVALID_REQUEST"
    writer.close()
    await writer.wait_closed()
