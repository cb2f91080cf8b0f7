"""The client over REST: errors, repeats, streams that break."""

import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.scripted_http import Answer, ScriptedHttp

from atelier_client import AsyncClient, AtelierApiError, CannotReachError, Client, JobFailedError, RetryPolicy
from atelier_client.errors import IncompleteError

IMAGE = {"id": "i1", "state": "SUCCEEDED", "parameters": {"prompt": "x"}, "seq": 3, "trace_id": "t"}
BUSY = Answer(503, {"code": 14, "message": "away"})


def _error(code: int, reason: str, message: str, *more: dict[str, Any]) -> dict[str, Any]:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "atelier"}
    return {"code": code, "message": message, "details": [info, *more]}


def _client(http: ScriptedHttp, retry: RetryPolicy) -> AsyncClient:
    return AsyncClient(http.url, "atl_key", retry=retry)


async def test_generate_posts_the_parameters_with_key_and_patience(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(200, {**IMAGE, "a_field_of_the_future": 1})]
    async with _client(http, hasty) as client:
        image = await client.generate("x", seed=1, scheduler="EULER")
    asked = http.asked[0]
    assert (asked.verb, asked.path) == ("POST", "/api/v1/images/generate")
    assert asked.body == b'{"prompt":"x","seed":1,"scheduler":"EULER"}'
    assert asked.headers["x-api-key"] == "atl_key"
    assert asked.headers["prefer"] == "wait=60"
    assert (image.id, image.state, image.finished) == ("i1", "SUCCEEDED", True)


async def test_repeats_of_a_submit_carry_the_same_idempotency_key(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    slow = Answer(429, {"message": "slow"}, headers={"retry-after": "0"})
    http.answers = [
        BUSY,
        Answer(hang_up=True),
        slow,
        Answer(200, IMAGE),
    ]
    async with _client(http, hasty) as client:
        await client.generate("x")
    keys = {asked.headers["idempotency-key"] for asked in http.asked}
    assert len(http.asked) == 4
    assert len(keys) == 1


async def test_two_submits_carry_different_idempotency_keys(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(200, IMAGE)]
    async with _client(http, hasty) as client:
        await client.generate("x")
        await client.generate("x")
        await client.generate("x", idempotency_key="mine")
    assert len({asked.headers["idempotency-key"] for asked in http.asked}) == 3
    assert http.asked[2].headers["idempotency-key"] == "mine"


async def test_an_error_has_code_reason_fields_trace_and_the_time_to_retry(
    http: ScriptedHttp, hasty: RetryPolicy
) -> None:
    violations = [{"field": "steps", "description": "must be at most 200"}]
    bad = {"@type": "type.googleapis.com/google.rpc.BadRequest", "field_violations": violations}
    later = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "7.500s"}
    odd = {"@type": "type.googleapis.com/of.the.Future", "x": 1}
    body = _error(3, "INVALID_FIELD", "no", bad, later, odd)
    http.answers = [Answer(400, body, headers={"X-Trace-Id": "abc"})]
    async with _client(http, hasty) as client:
        with pytest.raises(AtelierApiError) as caught:
            await client.generate("x", steps=201)
    error = caught.value
    assert (error.code, error.reason, error.message) == ("INVALID_ARGUMENT", "INVALID_FIELD", "no")
    assert dict(error.fields) == {"steps": "must be at most 200"}
    assert (error.trace_id, error.retry_after_s) == ("abc", 7.5)
    assert str(error) == "no; steps: must be at most 200 (INVALID_FIELD) [trace abc]"
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(401, raw=b"Jwt is missing"), "UNAUTHENTICATED"),
        (Answer(404, raw=b""), "NOT_FOUND"),
        (Answer(413, raw=b"<html>too large</html>"), "INVALID_ARGUMENT"),
        (Answer(418, raw=b"[1]"), "UNKNOWN"),
        (Answer(302, raw=b""), "UNKNOWN"),
        (Answer(200, raw=b"<html>hello</html>"), "INTERNAL"),
        (Answer(200, raw=b"\xff\xfe"), "INTERNAL"),
    ],
)
async def test_a_response_that_is_not_atelier_s_is_an_error_all_the_same(
    http: ScriptedHttp, hasty: RetryPolicy, answer: Answer, code: str
) -> None:
    http.answers = [answer]
    async with _client(http, hasty) as client:
        with pytest.raises(AtelierApiError) as caught:
            await client.images.get("i1")
    assert caught.value.code == code
    assert "<html>" not in str(caught.value)


async def test_a_wait_longer_than_our_patience_is_an_error_at_once(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(429, _error(8, "RATE_LIMITED", "slow"), headers={"Retry-After": "3600"})]
    async with _client(http, hasty) as client:
        with pytest.raises(AtelierApiError) as caught:
            await client.status()
    assert caught.value.retry_after_s == 3600
    assert len(http.asked) == 1


async def test_making_a_key_is_never_repeated_once_it_may_have_arrived(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(hang_up=True)]
    async with _client(http, hasty) as client:
        with pytest.raises(CannotReachError) as caught:
            await client.keys.create("laptop")
    assert caught.value.delivered
    assert len(http.asked) == 1


async def test_an_unreachable_gateway_is_an_error_after_the_last_attempt(hasty: RetryPolicy) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with AsyncClient(f"http://127.0.0.1:{unused.getsockname()[1]}", retry=hasty) as client:
            with pytest.raises(CannotReachError, match="cannot reach http://127"):
                await client.status()


def _event(seq: int, state: str, *, terminal: bool = False, kind: str = "generation_progress") -> dict[str, Any]:
    return {"type": "generation.progress", "job_id": "i1", "seq": seq, kind: {"state": state, "terminal": terminal}}


async def test_a_stream_that_breaks_goes_on_behind_the_last_event(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [
        Answer(lines=[_event(1, "QUEUED", kind="snapshot"), _event(2, "RUNNING")], broken=True),
        BUSY,
        Answer(lines=[{"type": "heartbeat", "heartbeat": {}}, _event(3, "QUEUED")]),  # ends well, but too early
        Answer(lines=[_event(4, "SUCCEEDED", terminal=True)]),
    ]
    async with _client(http, hasty) as client:
        seen = [event.seq async for event in client.watch("i1")]
    assert seen == [1, 2, 3, 4]
    watches = [asked.path for asked in http.asked if "events" in asked.path]
    assert watches[0] == "/api/v1/images/i1/events"
    assert [path.partition("?")[2] for path in watches[1:]] == ["after_seq=2", "after_seq=2", "after_seq=3"]


async def test_a_stream_without_further_events_ends_with_the_image(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(lines=[]), Answer(200, IMAGE)]
    async with _client(http, hasty) as client:
        assert [event async for event in client.watch("i1", after_seq=3)] == []


async def test_a_stream_that_never_comes_back_is_an_error(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(lines=[], broken=True)]
    async with _client(http, hasty) as client:
        with pytest.raises(CannotReachError):
            [event async for event in client.watch("i1")]
    assert len(http.asked) == hasty.attempts


async def test_watching_what_is_not_there_is_not_repeated(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(404, _error(5, "IMAGE_NOT_FOUND", "there is no such image"))]
    async with _client(http, hasty) as client:
        with pytest.raises(AtelierApiError, match="there is no such image"):
            [event async for event in client.watch("i1")]
    assert len(http.asked) == 1


def _finished(data: bytes) -> dict[str, Any]:
    output = {"index": 0, "size_bytes": str(len(data)), "sha256": hashlib.sha256(data).hexdigest()}
    return {**IMAGE, "outputs": [{**output, "content_type": "image/png"}]}


def test_a_picture_that_came_by_half_is_fetched_again(http: ScriptedHttp, hasty: RetryPolicy, tmp_path: Path) -> None:
    data = b"picture" * 10_000
    http.answers = [
        Answer(200, _finished(data)),
        Answer(lines=[data[:100]]),  # an HTTP/1.1 stream that was cut looks like one that ended well
        Answer(lines=[data[:5000], data[5000:]]),
    ]
    with Client(http.url, "atl_key", retry=hasty) as client:
        saved = client.generate("x").save(tmp_path / "out.png")
    assert saved.read_bytes() == data
    assert list(tmp_path.iterdir()) == [saved]


def test_a_picture_that_stays_half_is_an_error_and_leaves_no_file(
    http: ScriptedHttp, hasty: RetryPolicy, tmp_path: Path
) -> None:
    http.answers = [Answer(200, _finished(b"whole")), Answer(lines=[b"who"])]
    with Client(http.url, "atl_key", retry=hasty) as client:
        image = client.generate("x")
        with pytest.raises(IncompleteError):
            image.save(tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


async def test_a_failed_image_raises_its_reason(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    failed = {**IMAGE, "state": "FAILED", "error": {"reason": "OUT_OF_MEMORY", "message": "it does not fit"}}
    http.answers = [Answer(200, failed)]
    async with _client(http, hasty) as client:
        with pytest.raises(JobFailedError, match="it does not fit") as caught:
            await client.generate("x")
        unwaited = await client.generate("x", wait=False)
    assert (caught.value.reason, caught.value.image.id, caught.value.trace_id) == ("OUT_OF_MEMORY", "i1", "t")
    assert "prefer" not in http.asked[1].headers
    assert unwaited.state == "FAILED"


async def test_a_limited_wait_returns_the_current_image(http: ScriptedHttp, hasty: RetryPolicy) -> None:
    http.answers = [Answer(200, {**IMAGE, "state": "RUNNING"})]
    async with _client(http, hasty) as client:
        image = await client.generate("x", wait=0.05)
    assert image.state == "RUNNING"


async def test_an_upload_is_the_body_itself(http: ScriptedHttp, hasty: RetryPolicy, tmp_path: Path) -> None:
    http.answers = [Answer(201, {"id": "a1", "size_bytes": "700000"})]
    file = tmp_path / "a b.png"
    file.write_bytes(b"x" * 700_000)
    async with _client(http, hasty) as client:
        asset = await client.upload(file)
    assert (asset.id, asset.size_bytes) == ("a1", 700_000)
    assert http.asked[0].path == "/api/v1/assets?filename=a%20b.png"
    assert http.asked[0].body == b"x" * 700_000


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://x", "http://", "http://[x", "http://x:99999", "http://a b", "http://x?y=z"]
)
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        AsyncClient(url, "k")


def test_a_key_that_no_header_can_carry_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        AsyncClient("http://127.0.0.1:1", "secret\n")
    assert "secret" not in str(caught.value)
