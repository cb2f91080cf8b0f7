"""Whatever a stranger writes into headers: it is answered, and the calls of others beside it succeed."""

import json

import grpc.aio
import pytest
from grpc_status import rpc_status
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.image.v1 import image_pb2, image_pb2_grpc
from tests.gateway.doors import DOORS, GRPC, GRPC_WEB, PUBLIC, REST, Answer, Door, Header
from tests.gateway.mesh import Gateway, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = (b"x-api-key", b"atl_bob_secret")
LIMIT_BYTES = 16 * 1024
EVERY_DOOR = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)

# Names that gRPC's runtime takes for its own, whether it says so or not.
RUNTIMES = (
    "grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "grpc-status", "grpc-message", "grpc-status-details-bin",
    "grpc-previous-rpc-attempts", "grpc-retry-pushback-ms", "grpc-internal-encoding-request", "grpc-trace-bin",
    "grpc-tags-bin", "grpc-server-stats-bin", "endpoint-load-metrics-bin", "lb-token", "lb-cost-bin", "te",
    "x-envoy-peer-metadata", "grpclb_client_stats", "x-bin", "user-agent",
)  # fmt: skip
OURS = ("prefer", "idempotency-key", "range", "if-range", "if-none-match", "traceparent", "tracestate", "x-request-id")
# What HTTP calls a token; ":" and the like are refused by Envoy's codec, as they are no headers.
TOKEN = st.text("abcxyzABC019!#$%&'*+-.^_`|~", min_size=1, max_size=30)
NAMES = st.one_of(
    st.sampled_from(RUNTIMES + OURS), TOKEN, TOKEN.map("grpc-{}".format), TOKEN.map("{}-bin".format)
).filter(lambda name: name.lower() not in {"host", "connection", "content-length", "transfer-encoding", "upgrade"})
VALUES = st.one_of(
    st.sampled_from(["x", "%", "1S", "99999999H", "0n", "-1", "gzip", "identity", "foo", "&&", "AAAA", "\xfc", "a\tb"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
).map(str.strip)
HEADERS = st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=30)


def wire(headers: list[tuple[str, str]]) -> list[Header]:
    """As bytes."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


def reason(answer: Answer) -> str:
    """Of a refusal through whichever door, which has exactly one ErrorInfo first."""
    if answer.headers["content-type"].startswith("application/grpc"):
        assert answer.status == 200
        assert answer.details().code == answer.grpc_status
        assert answer.details().message == answer.headers["grpc-message"]
        return answer.reason()
    return str(json.loads(answer.body)["details"][0]["reason"])


def succeeded(answer: Answer) -> bool:
    """True when a service was reached and said yes."""
    return answer.status == 200 and answer.grpc_status in (-1, 0)


async def victims_succeed(gateway: Gateway) -> None:
    """Calls of another caller, with a key and with a deadline, on connections that stay open."""
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
    metadata = (("x-api-key", "atl_vic_secret"), ("trace-bin", b"\0\xff"))
    image = await stub.GetImage(image_pb2.GetImageRequest(id="7"), metadata=metadata, timeout=20)
    assert image.id == "7"
    assert (await gateway.rest.get("/.well-known/jwks.json")).status_code == 200
    assert (await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": "atl_vic_secret"})).status_code == 200


@settings(max_examples=150, deadline=None)
@given(door=st.sampled_from(DOORS), headers=HEADERS)
async def test_no_header_breaks_anything(
    mesh: tuple[Gateway, Upstream], door: Door, headers: list[tuple[str, str]]
) -> None:
    gateway, upstream = mesh
    upstream.images.metadata = {}

    answer = await door.ask(gateway.settings.port, [KEY, *wire(headers)])

    if not succeeded(answer):
        assert reason(answer) == "INVALID_REQUEST"
    strange = {name.lower() for name, _ in headers} - set(OURS) - {"user-agent", "te"}
    assert not strange & (set(upstream.images.metadata) - {"grpc-accept-encoding"})
    await victims_succeed(gateway)


@EVERY_DOOR
async def test_a_stranger_does_not_switch_keys_off(gateway: Gateway, door: Door) -> None:
    for name in RUNTIMES:
        padding = [(f"x-padding-{number}".encode(), b"p" * 100) for number in range(20)]
        for _ in range(8):
            await door.ask(gateway.settings.port, [(name.encode(), b"x"), *padding])

    await victims_succeed(gateway)


@pytest.mark.parametrize("door", [GRPC, GRPC_WEB], ids=lambda door: door.name)
@pytest.mark.parametrize("header", [(b"grpc-timeout", b"x"), (b"grpc-timeout", b"1"), (b"grpc-encoding", b"foo")])
async def test_the_error_of_a_grpc_call_names_the_wrong_header(gateway: Gateway, door: Door, header: Header) -> None:
    answer = await door.ask(gateway.settings.port, [KEY, header])

    assert answer.grpc_status == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert answer.headers["grpc-message"].startswith(f"{header[0].decode()}: ")
    assert reason(answer) == "INVALID_REQUEST"


@pytest.mark.parametrize("door", [GRPC, GRPC_WEB], ids=lambda door: door.name)
async def test_a_grpc_call_may_have_a_deadline_and_an_encoding(gateway: Gateway, door: Door) -> None:
    legal = [(b"grpc-timeout", b"20S"), (b"grpc-encoding", b"identity"), (b"mine-bin", b"AAECAw"), (b"mine", b"x")]

    assert succeeded(await door.ask(gateway.settings.port, [KEY, *legal]))


async def test_a_deadline_reaches_the_service(gateway: Gateway) -> None:
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)

    with pytest.raises(grpc.aio.AioRpcError) as late:
        await stub.GetImage(
            image_pb2.GetImageRequest(id="slow"), metadata=(("x-api-key", "atl_bob_secret"),), timeout=0.3
        )

    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_rest_callers_cannot_set_grpc_headers_of_the_call(gateway: Gateway, upstream: Upstream) -> None:
    said = [(b"grpc-timeout", b"1n"), (b"grpc-encoding", b"gzip"), (b"cookie", b"a=b"), (b"x-mine", b"x")]

    assert (await REST.ask(gateway.settings.port, [KEY, *said])).status == 200
    assert not {name.decode() for name, _ in said} & set(upstream.images.metadata)


@pytest.mark.parametrize("name", ["prefer", "idempotency-key", "range", "if-none-match", "authorization", "x-api-key"])
async def test_a_header_that_is_read_must_be_printable(gateway: Gateway, name: str) -> None:
    for value in (b"\xfc", "日本".encode(), b"a\tb"):
        answer = await REST.ask(gateway.settings.port, [KEY, (name.encode(), value)])

        assert answer.status == 400
        assert json.loads(answer.body)["message"].startswith(f"{name}: ")


PAD = LIMIT_BYTES - 1500  # room for a token, and for what Envoy adds
FITS = {"one": [(b"x", b"a" * PAD)], "many": [(b"x-%d" % number, b"a" * 50) for number in range(150)]}
TOO_LARGE = {
    "one": [(b"x", b"a" * LIMIT_BYTES)],
    "one that is read": [(b"prefer", b"a" * LIMIT_BYTES)],
    "past what gRPC takes": [(b"x", b"a" * 61_000)],
    "many": [(b"x-%d" % number, b"a") for number in range(500)],
    "one name, often": [(b"range", b"a")] * 600,
}
PAST_THE_CODEC = {
    "one": [(b"x", b"a" * 150_000)],
    "many": [(b"x-%d" % number, b"a") for number in range(5000)],
}
CREDENTIALS = pytest.mark.parametrize("credential", ["none", "key", "token"])


def credentials(upstream: Upstream, credential: str) -> list[Header]:
    """Headers that say who calls."""
    token = (b"authorization", f"Bearer {upstream.signer.token('ada')}".encode())
    return {"none": [], "key": [KEY], "token": [token]}[credential]


@EVERY_DOOR
@CREDENTIALS
@pytest.mark.parametrize("headers", TOO_LARGE.values(), ids=TOO_LARGE.keys())
async def test_headers_over_the_limit_are_always_431(
    gateway: Gateway, upstream: Upstream, door: Door, credential: str, headers: list[Header]
) -> None:
    answer = await door.ask(gateway.settings.port, [*credentials(upstream, credential), *headers])

    if door in (PUBLIC, REST):
        assert answer.status == 431
    else:
        assert answer.grpc_status == grpc.StatusCode.OUT_OF_RANGE.value[0]
    assert reason(answer) == "HEADERS_TOO_LARGE"


@EVERY_DOOR
@pytest.mark.parametrize("headers", PAST_THE_CODEC.values(), ids=PAST_THE_CODEC.keys())
async def test_what_envoy_does_not_even_read_is_431_too(gateway: Gateway, door: Door, headers: list[Header]) -> None:
    answer = await door.ask(gateway.settings.port, [KEY, *headers])

    assert answer.status == 431
    assert reason(answer) == "HEADERS_TOO_LARGE"


@pytest.mark.parametrize("metadata", [[("x", "a" * 17_000)], [(f"x-{number}", "a") for number in range(500)]])
async def test_too_much_grpc_metadata_is_an_error_with_a_reason(
    gateway: Gateway, metadata: list[tuple[str, str]]
) -> None:
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=(("x-api-key", "atl_bob_secret"), *metadata))

    status = rpc_status.from_call(refused.value)
    assert status is not None
    assert (status.code, status.message) == (11, "the headers are too large")


@EVERY_DOOR
@pytest.mark.parametrize("credential", ["key", "token"])
@pytest.mark.parametrize("headers", FITS.values(), ids=FITS.keys())
async def test_headers_under_the_limit_always_pass(
    gateway: Gateway, upstream: Upstream, door: Door, credential: str, headers: list[Header]
) -> None:
    for _ in range(5):
        assert succeeded(await door.ask(gateway.settings.port, [*credentials(upstream, credential), *headers]))


async def test_what_is_read_passes_as_large_as_it_may_be(gateway: Gateway, upstream: Upstream) -> None:
    largest = [(b"idempotency-key", b"a" * (PAD // 2)), *([(b"range", b"a")] * 150)]
    long = Door("rest", "GET /api/v1/images/" + "a" * (PAD - 200))

    for _ in range(20):  # gRPC's runtime would refuse some
        assert (await REST.ask(gateway.settings.port, [KEY, *largest])).status == 200
        assert (await long.ask(gateway.settings.port, [KEY])).status == 200
    assert len(upstream.images.metadata["x-envoy-original-path"]) > PAD - 200
