"""Pictures that nodes made or read, uploads, and files of the user."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from PIL import Image
from yarl import URL

from tests.comfy.comfy_client import ComfyClient
from tests.comfy.packs.trivial_nodes import png

RED = (255, 0, 0, 128)
RED_FILE = png(4, 3, RED)


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def view(client: ComfyClient, **query: str) -> tuple[int, str, bytes]:
    async with client.session.get(f"{client.url}/view", params=query) as response:
        return response.status, response.content_type, await response.read()


async def upload(client: ComfyClient, path: str, data: bytes, name: str, **fields: str) -> tuple[int, Any]:
    form = FormData(quote_fields=False)
    form.add_field("image", data, filename=name)
    for field, value in fields.items():
        form.add_field(field, value)
    async with client.session.post(client.url + path, data=form) as response:
        return response.status, await response.json()


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "output" / "sub" / "red.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(RED_FILE)
    return path


async def test_a_picture_is_returned_as_it_lies_there(client: ComfyClient, red: Path) -> None:
    assert await view(client, filename="red.png", subfolder="sub") == (200, "image/png", RED_FILE)
    assert (await view(client, filename="sub/red.png [output]", type="input"))[0] == 200
    assert (await view(client, filename="other.png"))[0] == 404


async def test_a_preview_is_a_smaller_file_of_the_picture(client: ComfyClient, red: Path) -> None:
    status, kind, data = await view(client, filename=red.name, subfolder="sub", preview="webp;90")
    assert (status, kind, picture(data).format, picture(data).size) == (200, "image/webp", "WEBP", (4, 3))
    _, kind, data = await view(client, filename=red.name, subfolder="sub", preview="jpeg")
    assert (kind, picture(data).format) == ("image/jpeg", "JPEG")


async def test_channels_are_returned_apart(client: ComfyClient, red: Path) -> None:
    _, _, data = await view(client, filename=red.name, subfolder="sub", channel="rgb")
    assert (picture(data).mode, picture(data).getpixel((0, 0))) == ("RGB", (255, 0, 0))
    _, _, data = await view(client, filename=red.name, subfolder="sub", channel="a")
    assert picture(data).getpixel((0, 0)) == (0, 0, 0, 128)
    assert (await view(client, filename=red.name, subfolder="sub", channel="rgba"))[2] == RED_FILE


@pytest.mark.parametrize(
    "query",
    [
        {"filename": "../secret.txt"},
        {"filename": "secret.txt", "subfolder": ".."},
        {"filename": "/etc/passwd"},
        {"filename": "..\\secret.txt"},
        {"filename": "link/secret.txt"},
        {"filename": ""},
        {"filename": "a\0b"},
        {"filename": "red.png", "type": "models"},
    ],
)
async def test_no_name_leads_out_of_the_folders(client: ComfyClient, tmp_path: Path, query: dict[str, str]) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "output" / "link").symlink_to(tmp_path)
    status, _, data = await view(client, **query)
    assert status == 400
    assert b"secret" not in data or b"leads out" in data


@pytest.mark.parametrize("name", ["page.html", "page.svg", "script.js", "style.css", "page.xhtml", "note.txt"])
async def test_a_file_that_a_browser_would_run_is_saved_instead(client: ComfyClient, tmp_path: Path, name: str) -> None:
    (tmp_path / "output" / name).write_text("<script>alert(1)</script>")
    async with client.session.get(f"{client.url}/view", params={"filename": name}) as response:
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_file_that_is_no_picture_has_no_preview(client: ComfyClient, tmp_path: Path) -> None:
    (tmp_path / "output" / "x.png").write_bytes(b"not a picture")
    assert (await view(client, filename="x.png", preview="webp"))[0] == 400


async def test_an_upload_is_stored_and_one_of_the_same_name_beside_it(client: ComfyClient, tmp_path: Path) -> None:
    one, two = png(2, 2, RED), png(2, 2, (0, 255, 0, 255))
    assert await upload(client, "/upload/image", one, "a.png") == (
        200,
        {"name": "a.png", "subfolder": "", "type": "input"},
    )
    assert (await upload(client, "/upload/image", two, "a.png"))[1]["name"] == "a (1).png"
    assert (await upload(client, "/upload/image", one, "a.png"))[1]["name"] == "a.png"  # the same bytes
    assert (await upload(client, "/upload/image", two, "a.png", overwrite="true"))[1]["name"] == "a.png"
    assert (tmp_path / "input" / "a.png").read_bytes() == two
    assert list((tmp_path / "temp").iterdir()) == []


async def test_an_upload_is_stored_in_its_subfolder(client: ComfyClient, tmp_path: Path) -> None:
    answer = await upload(client, "/api/upload/image", b"x", "a.bin", type="temp", subfolder="deep/er")
    assert answer == (200, {"name": "a.bin", "subfolder": "deep/er", "type": "temp"})
    assert (tmp_path / "temp/deep/er/a.bin").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "fields"),
    [("../a.png", {}), ("a.png", {"subfolder": "../.."}), ("a.png", {"type": "models"})],
)
async def test_an_upload_out_of_its_folder_is_refused(
    client: ComfyClient, tmp_path: Path, name: str, fields: dict[str, str]
) -> None:
    before = everything_in(tmp_path)
    assert (await upload(client, "/upload/image", b"x", name, **fields))[0] == 400
    assert everything_in(tmp_path) == before


async def test_a_mask_becomes_the_alpha_channel_of_a_copy(client: ComfyClient, red: Path, tmp_path: Path) -> None:
    reference = json.dumps({"filename": red.name, "subfolder": "sub", "type": "output"})
    mask = png(4, 3, (9, 9, 9, 40))
    status, answer = await upload(client, "/upload/mask", mask, "m.png", original_ref=reference)
    assert (status, answer["name"]) == (200, "m.png")
    assert Image.open(tmp_path / "input" / "m.png").getpixel((0, 0)) == (255, 0, 0, 40)


@pytest.mark.parametrize("reference", ["", "[]", "x", '{"filename": "none.png"}', '{"filename": "../x"}'])
async def test_a_mask_of_nothing_is_refused(client: ComfyClient, reference: str) -> None:
    assert (await upload(client, "/upload/mask", png(1, 1, RED), "m.png", original_ref=reference))[0] == 400


async def test_what_is_no_form_is_refused(client: ComfyClient) -> None:
    assert (await client.post("/upload/image", {"image": "x"}))[0] == 400
    form = FormData()
    form.add_field("other", "x")
    form.add_field("third", b"x", filename="f")
    async with client.session.post(f"{client.url}/upload/image", data=form) as response:
        assert (response.status, await response.json()) == (400, {"error": "the field image is missing"})


async def test_settings_are_stored_one_by_one_and_together(client: ComfyClient) -> None:
    assert await client.get("/api/settings") == {}
    await client.post("/settings/a.b", True)
    await client.post("/settings", {"c": [1], "d": "x"})
    assert await client.get("/settings") == {"a.b": True, "c": [1], "d": "x"}
    assert await client.get("/settings/c") == [1]
    assert await client.get("/settings/none") is None


async def test_workflows_are_saved_listed_moved_and_deleted(client: ComfyClient) -> None:
    async def write(file: str, body: bytes, **query: str) -> tuple[int, Any]:
        url = f"{client.url}/api/userdata/{file}"
        async with client.session.post(url, data=body, params=query) as response:
            return response.status, await response.text()

    assert await write("workflows%2Fone.json", b'{"a": 1}') == (200, '"workflows/one.json"')
    assert (await write("workflows%2Fone.json", b"{}", overwrite="false"))[0] == 409
    assert (await write("workflows%2Fdeep%2Ftwo.json", b"[]", full_info="true"))[0] == 200
    assert await client.get("/userdata/workflows%2Fone.json") == {"a": 1}
    assert await client.get("/userdata", dir="workflows") == ["one.json"]
    assert await client.get("/userdata", dir="workflows", recurse="true") == ["one.json", "deep/two.json"]
    assert await client.get("/userdata", dir="workflows", split="true") == [["one.json", "one.json"]]
    (info,) = await client.get("/userdata", dir="workflows", full_info="true")
    assert (info["path"], info["size"]) == ("one.json", 8)
    assert [entry["type"] for entry in await client.get("/v2/userdata", path="workflows")] == ["directory", "file"]
    assert (await client.post("/userdata/workflows%2Fone.json/move/workflows%2Fnew.json"))[0] == 200
    assert await client.status("/userdata/workflows%2Fone.json") == 404
    async with client.session.delete(f"{client.url}/userdata/workflows%2Fnew.json") as response:
        assert response.status == 204
    assert await client.status("/userdata", dir="none") == 404


@pytest.mark.parametrize("file", ["..%2Fx", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd"])
async def test_files_of_the_user_stay_in_their_folder(client: ComfyClient, file: str) -> None:
    url = f"{client.url}/userdata/{file}"
    for method in ("GET", "POST", "DELETE"):
        async with client.session.request(method, URL(url, encoded=True), data=b"x") as response:
            assert response.status == 403, method
