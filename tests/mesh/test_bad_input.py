"""Bad input: what is wrong is named, nothing leaks, nothing is stored."""

import io
import json
import pickle
import struct
import time
import zlib
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.mesh.running_mesh import RunningMesh

GENERATE = "/api/v1/images/generate"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 150_000), ("steps", 0), ("steps", "many"), ("steps", -1), ("steps", 1.5),
        ("width_px", 100), ("width_px", 4096), ("height_px", 0),
        ("guidance_scale", "NaN"), ("guidance_scale", 1000), ("guidance_scale", "Infinity"),
        ("prompt", "x" * 5000), ("prompt", ""), ("prompt", 7),
        ("count", 9), ("count", 0), ("seed", -1), ("seed", 2**32),
        ("model", "no-such-model"), ("scheduler", "MAGIC"), ("scheduler", 99), ("output_format", "BMP"),
        ("metadata", {"k": "v" * 500}), ("metadata", "text"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(client: httpx2.Client, field: str, value: Any) -> None:
    answer = client.post(GENERATE, json={"prompt": "a red circle", field: value})
    assert answer.status_code == 400, answer.text
    assert field in json.dumps(answer.json())


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"\xff\xfe", b'{"prompt": "x"', b"null"])
def test_broken_json_is_a_400(client: httpx2.Client, body: bytes) -> None:
    answer = client.post(GENERATE, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == 3


def test_an_unknown_query_parameter_is_named(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/images", params={"colour": "red"})
    assert answer.status_code == 400
    assert "colour" in answer.text


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/images/..%2fmodels", "/api/v2/images"])
def test_the_error_of_an_unknown_path_is_json_without_internals(client: httpx2.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert set(answer.json()) == {"code", "message", "details"}


def _png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(pickle.dumps({"a": 1}), id="pickle"),
        pytest.param(b"just text", id="text"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", id="eps"),
        pytest.param(_png_header(60_000, 60_000) + b"\0" * 100, id="bomb"),
        pytest.param(b"", id="empty"),
    ],
)
def test_an_upload_that_is_no_picture_is_refused_and_not_stored(mesh: RunningMesh, body: bytes) -> None:
    with mesh.client(mesh.key_of("uploader")) as client:
        client.get("/api/v1/assets")  # the connection is open
        started = time.perf_counter()
        answer = client.post("/api/v1/assets", content=body, headers={"Content-Type": "image/png"})
        took_s = time.perf_counter() - started
        assert answer.status_code == 400, answer.text
        assert client.get("/api/v1/assets").json()["assets"] == []
    # The promise is 50 ms; this box runs other things beside, so only a decode of a bomb would fail here.
    assert took_s < 1.0


def test_an_upload_comes_back_as_it_was(client: httpx2.Client) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(buffer, "PNG")
    answer = client.post(
        "/api/v1/assets",
        params={"filename": "red.png"},
        content=buffer.getvalue(),
        headers={"Content-Type": "image/png"},
    )
    assert answer.status_code == 200, answer.text
    asset = answer.json()
    assert (asset["width_px"], asset["height_px"], asset["content_type"]) == (40, 30, "image/png")
    assert client.get(asset["content_url"]).content == buffer.getvalue()
    assert asset["id"] in [a["id"] for a in client.get("/api/v1/assets").json()["assets"]]
    assert client.delete(f"/api/v1/assets/{asset['id']}").status_code == 200
    assert client.get(f"/api/v1/assets/{asset['id']}").status_code == 404
