"""What the gateway makes of `?sig=`: a header that only it can set, for GET and HEAD, and instead of all else."""

from typing import Any

import grpc.aio
import pytest

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_service.identity import URL_AUDIENCE
from tests.gateway.mesh import Gateway, Upstream
from tests.support.tokens import TestSigner

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATH = "/api/v1/images/1/content"


def signature(signer: TestSigner, **claims: Any) -> str:
    """One of Ada's."""
    return signer.token("ada", **{"aud": [URL_AUDIENCE], **claims})


async def test_the_signature_goes_on_as_a_header_and_not_in_the_url(gateway: Gateway, upstream: Upstream) -> None:
    sig = signature(upstream.signer)

    answer = await gateway.rest.get(f"/api/v1/images?sig={sig}&page_size=7")

    assert answer.status_code == 200
    assert answer.json()["next_page_token"].startswith("7 ")
    assert answer.headers["referrer-policy"] == "no-referrer"
    seen = upstream.images.metadata
    assert (seen["x-atelier-signature"], seen["x-atelier-subject"]) == (sig, "ada")
    assert "authorization" not in seen
    assert sig not in str({name: value for name, value in seen.items() if name != "x-atelier-signature"})


@pytest.mark.parametrize("header", [{"authorization": "Bearer x.y.z"}, {"x-api-key": "atl_bob_secret"}])
async def test_nothing_else_counts_beside_a_signature(
    gateway: Gateway, upstream: Upstream, header: dict[str, str]
) -> None:
    answer = await gateway.rest.get(f"/api/v1/images/1?sig={signature(upstream.signer)}", headers=header)

    assert answer.status_code == 200
    assert upstream.images.metadata["x-atelier-subject"] == "ada"
    assert "authorization" not in upstream.images.metadata


async def test_bad_signatures_are_refused_also_beside_a_good_key(gateway: Gateway, upstream: Upstream) -> None:
    good = signature(upstream.signer)
    bad = {
        "none": "",
        "no JWT": "x",
        "forged": signature(TestSigner("test-key")),
        "expired": signature(upstream.signer, lifetime_s=-60),
        "a token": upstream.signer.token("ada"),
        "a key": "atl_bob_secret",
        "alg none": f"eyJhbGciOiJub25lIn0.{good.split('.')[1]}.",
        "of another issuer": signature(upstream.signer, iss="x"),
    }
    for name, sig in bad.items():
        for headers in ({}, {"x-api-key": "atl_bob_secret"}):
            answer = await gateway.rest.get(f"{PATH}?sig={sig}", headers=headers)
            assert answer.status_code == 401, name
            assert answer.json()["details"][0]["reason"].startswith(("TOKEN_", "UNAUTHENTICATED")), name


async def test_a_signature_is_no_token(gateway: Gateway, upstream: Upstream) -> None:
    sig = signature(upstream.signer)

    assert (await gateway.rest.get(PATH, headers={"authorization": f"Bearer {sig}"})).status_code == 401
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
    for metadata in ((("authorization", f"Bearer {sig}"),), (("x-atelier-signature", sig),)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=metadata)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_only_get_and_head_take_a_signature(gateway: Gateway, upstream: Upstream) -> None:
    sig = signature(upstream.signer)
    for verb, path in (
        ("PUT", "/api/v1/images/1"),
        ("DELETE", "/api/v1/images/1"),
        ("POST", "/api/v1/images/generate"),
    ):
        answer = await gateway.rest.request(verb, f"{path}?sig={sig}", json={"prompt": "x"})
        assert answer.status_code == 401, verb
    answer = await gateway.rest.post(f"/atelier.image.v1.ImageService/GetImage?sig={sig}", content=b"\0\0\0\0\0")
    assert answer.status_code == 401


async def test_no_log_holds_a_signature(gateway: Gateway, upstream: Upstream) -> None:
    sig = signature(upstream.signer)
    for verb in ("GET", "PUT", "HEAD"):
        await gateway.rest.request(verb, f"{PATH}?sig={sig}")

    assert sig not in gateway.settings.access_log.read_text()


async def test_head_returns_the_status_and_headers_of_get(gateway: Gateway, upstream: Upstream) -> None:
    url = f"{PATH}?sig={signature(upstream.signer)}"

    got, headed = await gateway.rest.get(url), await gateway.rest.head(url)

    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["etag"] == got.headers["etag"]
    assert headed.headers["referrer-policy"] == "no-referrer"
    assert (await gateway.rest.head(f"{PATH}?sig=x.y.z")).status_code == 401


@pytest.mark.parametrize("query", ["?sig={}", "?after_seq=3&sig={}"])
async def test_head_of_a_stream_takes_its_signature_to_the_record(
    gateway: Gateway, upstream: Upstream, query: str
) -> None:
    sig = signature(upstream.signer)

    headed = await gateway.rest.head("/api/v1/images/1/events" + query.format(sig))

    assert (headed.status_code, headed.headers["content-type"]) == (200, "application/x-ndjson")
    seen = upstream.images.metadata
    assert (seen["x-atelier-signature"], seen["x-atelier-head-of-stream"]) == (sig, "1")


async def test_a_client_cannot_set_the_header_for_heads_of_streams(gateway: Gateway, upstream: Upstream) -> None:
    sig, lie = signature(upstream.signer), {"x-atelier-head-of-stream": "1"}

    for send in (gateway.rest.get, gateway.rest.head):
        await send(f"/api/v1/images/1?sig={sig}", headers=lie)
        assert "x-atelier-head-of-stream" not in upstream.images.metadata
