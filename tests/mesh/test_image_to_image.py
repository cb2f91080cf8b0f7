"""Pictures out of pictures and latents, through REST: what begins with a red circle is still a circle afterwards."""

import io
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from atelier_diffusion.encoding.latent_file import read_latent
from atelier_diffusion.encoding.picture_file import read_parameters
from atelier_mesh.demo import make_picture, recolour
from atelier_mesh.state_folder import Address
from tests.mesh.picture import colour_at, content, generate
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.support.wait import eventually
from tests.unit.image.demo_latents import demo_latent
from tests.unit.storage import pictures

RED, YELLOW = "a red circle on a blue background", "a yellow circle on a blue background"
CORNERS = [(x, y) for x in (0.02, 0.98) for y in (0.02, 0.98)]


def upload(client: httpx2.Client, data: bytes) -> str:
    """Stores a file of the caller; its id."""
    answer = client.post("/api/v1/assets", content=data, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 200, answer.text
    asset_id: str = answer.json()["id"]
    return asset_id


def right_half(side_px: int = 256) -> bytes:
    """A mask: the right half of it is white."""
    mask = Image.new("L", (side_px, side_px))
    mask.paste(255, (side_px // 2, 0, side_px, side_px))
    file = io.BytesIO()
    mask.save(file, "PNG")
    return file.getvalue()


def pixels(picture: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture)) as opened:
        return np.asarray(opened.convert("RGB"))


@pytest.fixture(scope="module")
def red(mesh: RunningMesh) -> dict[str, Any]:
    """A red circle with its latent."""
    with mesh.client() as client:
        return generate(client, RED, seed=1, outputs=["PICTURE", "LATENT"])


def of_kind(image: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(output for output in image["outputs"] if output["kind"] == kind)


def test_another_colour_is_painted_over_a_shape_that_stays(client: httpx2.Client, red: dict[str, Any]) -> None:
    asset_id = of_kind(red, "PICTURE")["asset_id"]
    image = generate(client, YELLOW, seed=2, init_image_asset_id=asset_id, denoise=0.6)
    picture = content(client, image)
    assert colour_at(content(client, red), 0.5, 0.5) == "red"
    assert colour_at(picture, 0.5, 0.5) == "yellow"
    assert {colour_at(picture, x, y) for x, y in CORNERS} == {"blue"}
    parameters = read_parameters(picture)
    assert parameters is not None
    assert (parameters["denoise"], parameters["init_image_sha256"]) == (0.6, of_kind(red, "PICTURE")["sha256"])


async def test_the_demonstration_draws_over_its_picture(mesh: RunningMesh, tmp_path: Path) -> None:
    address = Address(mesh.url, mesh.grpc_address, mesh.api_key)
    picture, recoloured = tmp_path / "picture.png", tmp_path / "recoloured.png"
    await make_picture(address, picture)
    await recolour(address, picture, recoloured)
    assert colour_at(picture.read_bytes(), 0.5, 0.5) == "red"
    assert colour_at(recoloured.read_bytes(), 0.5, 0.5) == "yellow"


def test_little_denoising_changes_little(client: httpx2.Client, red: dict[str, Any]) -> None:
    before = pixels(content(client, red)).astype(int)
    changes = []
    for denoise in (0.1, 0.9):
        parameters = {"init_image_asset_id": of_kind(red, "PICTURE")["asset_id"], "denoise": denoise}
        after = pixels(content(client, generate(client, YELLOW, seed=3, **parameters))).astype(int)
        changes.append(np.abs(after - before).mean())
    assert changes[0] < changes[1] / 2, changes


def test_only_what_is_white_in_the_mask_is_drawn_anew(client: httpx2.Client, red: dict[str, Any]) -> None:
    image = generate(
        client, YELLOW, seed=4, init_image_asset_id=of_kind(red, "PICTURE")["asset_id"],
        mask_asset_id=upload(client, right_half()),
    )  # fmt: skip
    before, after = pixels(content(client, red)), pixels(content(client, image))
    assert np.array_equal(before[:, :128], after[:, :128]), "the unmasked pixels are those of the input"
    assert not np.array_equal(before[:, 128:], after[:, 128:])
    assert colour_at(content(client, image), 0.62, 0.5) == "yellow"
    assert colour_at(content(client, image), 0.4, 0.5) == "red"


def test_a_second_pass_goes_on_with_the_latent_of_the_first(client: httpx2.Client) -> None:
    seed = new_seed()
    whole = generate(client, RED, seed=seed, steps=12)
    first = generate(client, RED, seed=seed, steps=12, end_step=6, outputs=["LATENT"])
    assert [output["kind"] for output in first["outputs"]] == ["LATENT"]
    assert client.get(f"{first['links']['content']}?index=0").status_code == 404
    latent = of_kind(first, "LATENT")
    second = generate(client, RED, seed=seed, steps=12, start_step=6, init_latent_asset_id=latent["asset_id"])
    assert not second["parameters"]["add_noise"]
    difference = np.abs(pixels(content(client, whole)).astype(int) - pixels(content(client, second)).astype(int))
    assert difference.max() <= 2, "two halves of a schedule are the whole one"


def test_a_picture_is_encoded_and_its_latent_decoded(client: httpx2.Client, red: dict[str, Any]) -> None:
    nothing = {"start_step": 0, "end_step": 0}
    encoded = generate(
        client, RED, seed=1, init_image_asset_id=of_kind(red, "PICTURE")["asset_id"], outputs=["LATENT"], **nothing
    )
    latent_id = of_kind(encoded, "LATENT")["asset_id"]
    decoded = generate(client, RED, seed=1, init_latent_asset_id=latent_id, **nothing)
    difference = np.abs(pixels(content(client, red)).astype(int) - pixels(content(client, decoded)).astype(int))
    assert difference.mean() < 8


def test_a_latent_is_a_safetensors_file_with_its_facts(client: httpx2.Client, red: dict[str, Any]) -> None:
    latent = of_kind(red, "LATENT")
    assert (latent["content_type"], latent["width_px"], latent["height_px"]) == (
        "application/vnd.safetensors",
        256,
        256,
    )
    answer = client.get(latent["content_url"])
    assert answer.headers["content-type"] == "application/vnd.safetensors"
    samples, header = read_latent(answer.content)
    assert (header.family, header.width_px, samples.shape) == ("kl-12x16-1", 256, (1, 12, 16, 16))
    model = client.get("/api/v1/models/demo-image").json()
    assert model["latents"]["family"] == header.family


def test_the_same_picture_under_another_id_comes_from_the_cache(client: httpx2.Client, red: dict[str, Any]) -> None:
    seed, data = new_seed(), content(client, red)
    first = generate(client, YELLOW, seed=seed, init_image_asset_id=upload(client, data), denoise=0.5)
    again = generate(client, YELLOW, seed=seed, init_image_asset_id=upload(client, data), denoise=0.5)
    assert (first["cached"], again["cached"]) == (False, True)
    other = generate(client, YELLOW, seed=seed, init_image_asset_id=upload(client, right_half()), denoise=0.5)
    assert not other["cached"]


def test_a_wide_seed_is_a_string_of_digits_and_draws_each_picture_again_alone(client: httpx2.Client) -> None:
    several = generate(client, wide_seed=str(2**64 - 1), count=2, steps=4)
    assert several["parameters"]["wide_seed"] == "18446744073709551615"
    assert "seed" not in several["parameters"]
    assert [output["wide_seed"] for output in several["outputs"]] == ["18446744073709551615", "0"]
    alone = generate(client, wide_seed="0", steps=4)
    narrow = generate(client, seed=0, steps=4)
    assert pixels(content(client, alone)).tolist() == pixels(content(client, several, 1)).tolist()
    assert pixels(content(client, alone)).tolist() == pixels(content(client, narrow)).tolist()


@pytest.mark.parametrize("wide_seed", [2**53 + 1, 2**63 + 1, 2**64 - 1])
def test_a_wide_seed_that_is_sent_as_a_number_loses_no_digit(client: httpx2.Client, wide_seed: int) -> None:
    answer = client.post("/api/v1/images/generate", json={"prompt": RED, "steps": 1, "wide_seed": wide_seed})
    assert answer.status_code == 202, answer.text
    assert answer.json()["parameters"]["wide_seed"] == str(wide_seed)


@pytest.mark.parametrize("wide_seed", [-1, 2**64, "0x10", 1.5])
def test_what_is_no_wide_seed_is_refused_with_its_field(client: httpx2.Client, wide_seed: object) -> None:
    answer = client.post("/api/v1/images/generate", json={"prompt": RED, "wide_seed": wide_seed})
    assert answer.status_code == 400, answer.text
    assert "wide_seed" in answer.text


@pytest.mark.parametrize("scheduler", ["HEUN", "DPMPP_2M_SDE", "UNIPC", "DDPM", "LMS", "DPM2", "DPM2_ANCESTRAL"])
def test_every_scheduler_follows_the_prompt(client: httpx2.Client, scheduler: str) -> None:
    image = generate(client, RED, seed=1, steps=16, scheduler=scheduler, sigmas="NORMAL")
    picture = content(client, image)
    assert colour_at(picture, 0.5, 0.5) == "red"
    assert {colour_at(picture, x, y) for x, y in CORNERS} == {"blue"}


async def test_latents_go_with_their_image(client: httpx2.Client) -> None:
    image = generate(client, seed=new_seed(), steps=2, outputs=["LATENT"])
    latent = of_kind(image, "LATENT")
    assert client.delete(f"/api/v1/assets/{latent['asset_id']}").status_code == 409
    assert client.get(latent["content_url"]).status_code == 200
    assert client.delete(image["links"]["self"]).status_code == 200
    await eventually(lambda: client.get(latent["content_url"]).status_code == 404, what="the latent is removed")


@pytest.mark.parametrize("field", ["init_image_asset_id", "init_latent_asset_id", "mask_asset_id"])
def test_an_asset_of_another_owner_is_404_like_a_missing_one(mesh: RunningMesh, field: str) -> None:
    with mesh.client() as owner, mesh.client(mesh.key_of("eve")) as eve:
        hers = upload(owner, demo_latent(256, 256) if "latent" in field else pictures.png(8, 8))
        never = hers[:-4] + ("0000" if hers[-4:] != "0000" else "1111")
        refusals = []
        for asset_id in (hers, never):
            answer = eve.post("/api/v1/images/generate", json={"prompt": "x", field: asset_id})
            assert answer.status_code == 404, answer.text
            refusals.append(answer.json()["message"])
        assert refusals[0] == refusals[1]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a pickle", b"\x80\x04\x95" + bytes(200)),
        ("garbage", b"no latent at all" * 100),
        ("a header of 10^9 tensors", pictures.tensors(10**9)),
        ("a header without an end", (2**62).to_bytes(8, "little") + b'{"a":'),
        ("half numbers", pictures.latent(64, 64, dtype="F16")),
        ("a shape of 10^9", pictures.latent(64, 64, shape=[1, 10**9, 8, 8])),
        ("a cut file", demo_latent(64, 64)[:-1]),
    ],
)
def test_what_is_no_latent_is_refused_when_it_is_uploaded(client: httpx2.Client, name: str, data: bytes) -> None:
    answer = client.post("/api/v1/assets", content=data, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 400, name
    assert answer.json()["details"][0]["reason"] == "NOT_A_PICTURE"


def test_a_latent_of_numbers_that_are_none_fails_the_image_alone(client: httpx2.Client) -> None:
    bad = upload(client, demo_latent(256, 256, value=float("nan")))
    body = {"prompt": RED, "init_latent_asset_id": bad, "start_step": 4}
    image = client.post("/api/v1/images/generate", json=body, headers={"Prefer": "wait=60"}).json()
    assert (image["state"], image["error"]["reason"]) == ("FAILED", "INPUT_DAMAGED")
    assert generate(client, seed=new_seed(), steps=2)["state"] == "SUCCEEDED"


def test_a_latent_of_huge_numbers_affects_no_other_job(client: httpx2.Client) -> None:
    huge = upload(client, demo_latent(256, 256, value=3e38))
    body = {"prompt": RED, "init_latent_asset_id": huge, "start_step": 4, "steps": 6}
    image = client.post("/api/v1/images/generate", json=body, headers={"Prefer": "wait=60"}).json()
    assert image["state"] in ("SUCCEEDED", "FAILED")
    assert generate(client, seed=new_seed(), steps=2)["state"] == "SUCCEEDED"
