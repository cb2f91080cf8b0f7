"""`atelier generate` with what a sampler takes: inputs from files, and latents into files."""

from tests.unit.client.atelier_command import Atelier, one_line
from tests.unit.client.small_mesh import SmallMesh, latent_of, picture

from atelier.image.v1 import image_pb2
from atelier_client.client import Client


def asked(mesh: SmallMesh) -> image_pb2.GenerationParameters:
    return mesh.images.requests[-1].parameters


def test_files_are_uploaded_and_named_in_the_request(atelier: Atelier, small_mesh: SmallMesh) -> None:
    (atelier.folder / "in.png").write_bytes(b"picture")
    (atelier.folder / "mask.png").write_bytes(b"mask")
    done = atelier(
        "generate", "x", "--init", "in.png", "--mask", "mask.png", "--denoise", "0.6", "--sigmas", "karras",
        "--no-add-noise", "--seed", str(2**64 - 1), "-o", "out.png",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "out.png\n")
    request = asked(small_mesh)
    assert small_mesh.files.files[request.init_image_asset_id][1] == b"picture"
    assert small_mesh.files.files[request.mask_asset_id][1] == b"mask"
    assert (request.denoise, request.sigmas, request.wide_seed) == (0.6, image_pb2.KARRAS, 2**64 - 1)
    assert request.HasField("add_noise")
    assert not request.add_noise
    assert not request.HasField("seed")


def test_an_asset_of_before_is_named_by_its_id(atelier: Atelier, small_mesh: SmallMesh) -> None:
    latent = small_mesh.files.keep("l.safetensors", b"latent")
    done = atelier("generate", "x", "--init", latent.id, "--start-step", "10", "--end-step", "20", "--no-keep-noise")
    assert done.returncode == 0
    request = asked(small_mesh)
    assert (request.init_latent_asset_id, request.init_image_asset_id) == (latent.id, "")
    assert (request.start_step, request.end_step, request.keep_noise) == (10, 20, False)


def test_latents_are_written_beside_the_pictures(atelier: Atelier, small_mesh: SmallMesh) -> None:
    done = atelier("generate", "x", "--count", "2", "-o", "out.png", "--output-latent", "out.safetensors")
    names = ["out-0.png", "out-1.png", "out-0.safetensors", "out-1.safetensors"]
    assert (done.returncode, done.stdout.split()) == (0, names)
    assert (atelier.folder / "out-1.safetensors").read_bytes() == latent_of("image-0", 1)
    assert (atelier.folder / "out-1.png").read_bytes() == picture("image-0", 1)
    assert list(asked(small_mesh).outputs) == [image_pb2.PICTURE, image_pb2.LATENT]


def test_a_file_that_is_not_there_is_named_before_anything_is_made(atelier: Atelier, small_mesh: SmallMesh) -> None:
    done = atelier("generate", "x", "--init", "missing.png")
    assert done.returncode == 7
    assert "missing.png: No such file" in one_line(done.stderr)
    assert not small_mesh.images.requests


def test_a_latent_goes_to_no_other_kind_of_file(atelier: Atelier) -> None:
    assert "says no known format" in one_line(atelier("generate", "x", "--output-latent", "out.png").stderr)
    assert "a latent goes to a file" in one_line(atelier("generate", "x", "--output-latent", "-").stderr)


def test_the_library_distinguishes_pictures_from_latents(small_mesh: SmallMesh) -> None:
    with Client.over_grpc(small_mesh.address, small_mesh.api_key) as client:
        image = client.generate("x", count=2, outputs=("PICTURE", "LATENT"))
        assert (len(image.outputs), len(image.pictures), len(image.latents)) == (4, 2, 2)
        assert image.latent(1) == latent_of(image.id, 1)
        assert image.content(1) == picture(image.id, 1)
