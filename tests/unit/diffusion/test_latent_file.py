"""Latent files: what is written is read again, and nothing else is taken."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from atelier_diffusion.encoding.latent_file import encode_latent, read_latent
from atelier_diffusion.encoding.latent_header import (
    HEAD_BYTES,
    LatentFileError,
    LatentHeader,
    may_be_latent,
    read_latent_header,
)
from atelier_diffusion.engine.results import Latent
from atelier_diffusion.policy.latent_format import LatentFormat

SD15 = LatentFormat("sd15", 4, 8, 0.18215)
SAMPLES = np.arange(4 * 2 * 3, dtype=np.float32).reshape(1, 4, 2, 3) / np.float32(7)
FILE = encode_latent(Latent(SAMPLES, SD15), 24, 16)
HEADER = LatentHeader("sd15", 0.18215, 24, 16, (1, 4, 2, 3))


def test_a_latent_is_the_same_after_a_file() -> None:
    samples, header = read_latent(FILE)
    assert np.array_equal(samples, SAMPLES)
    assert header == HEADER
    assert read_latent_header(FILE[:HEAD_BYTES], len(FILE)) == HEADER


def test_other_programs_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "latent.safetensors"
    path.write_bytes(FILE)
    with safe_open(path, "np") as file:
        assert file.metadata()["family"] == "sd15"
        assert np.array_equal(file.get_tensor("samples"), SAMPLES)


def test_a_file_of_the_safetensors_library_is_read() -> None:
    metadata = {"format": "atelier.latent.1", "family": "sd15", "scale": "0.18215", "width_px": "24", "height_px": "16"}
    samples, header = read_latent(save({"samples": SAMPLES}, metadata))
    assert np.array_equal(samples, SAMPLES)
    assert header == HEADER


def with_header(header: object, data: bytes = SAMPLES.tobytes()) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


METADATA = {"format": "atelier.latent.1", "family": "sd15", "scale": "0.18215", "width_px": "24", "height_px": "16"}
TENSOR = {"dtype": "F32", "shape": [1, 4, 2, 3], "data_offsets": [0, 96]}


def test_the_header_that_the_next_tests_change_is_right() -> None:
    assert read_latent(with_header({"__metadata__": METADATA, "samples": TENSOR}))[1] == HEADER


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F16"},
        {"shape": [1, 4, 2]},
        {"shape": [2, 4, 2, 3]},
        {"shape": [1, 4, 2, -3]},
        {"shape": [1, 4, 2, True]},
        {"shape": [1, 4, 3, 3]},
        {"shape": [1, 10**9, 2, 3], "data_offsets": [0, 24 * 10**9]},
        {"data_offsets": [0, 92]},
        {"data_offsets": [-4, 92]},
        {"data_offsets": "all"},
    ],
)
def test_a_tensor_that_is_no_latent_is_refused(tensor: dict[str, object]) -> None:
    with pytest.raises(LatentFileError):
        read_latent(with_header({"__metadata__": METADATA, "samples": TENSOR | tensor}))


@pytest.mark.parametrize(
    "metadata",
    [
        {"format": "pt"},
        {"family": ""},
        {"family": 7},
        {"family": "f" * 65},
        {"scale": "nan"},
        {"scale": "0"},
        {"scale": "inf"},
        {"scale": None},
        {"width_px": "25"},
        {"width_px": "3000", "height_px": "2000"},
        {"height_px": "24"},
        {"width_px": "9" * 5000},
    ],
)
def test_metadata_that_do_not_fit_are_refused(metadata: dict[str, object]) -> None:
    with pytest.raises(LatentFileError):
        read_latent(with_header({"__metadata__": METADATA | metadata, "samples": TENSOR}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04\x95pickle",
        FILE[:-1],
        FILE + b"\0",
        FILE[:40],
        (10**12).to_bytes(8, "little") + b"{}",
        (2**64 - 1).to_bytes(8, "little") + b"{}",
        with_header(b"[" * 4000),
        with_header(b"{}"),
        with_header([]),
        with_header({"samples": TENSOR}),
        with_header({"__metadata__": METADATA, "samples": TENSOR, "more": TENSOR}),
        with_header({"__metadata__": METADATA, "samples": []}),
        with_header({"__metadata__": METADATA} | {f"t{n}": TENSOR for n in range(10_000)}),
        with_header({"__metadata__": METADATA, "samples": TENSOR}, np.full(24, np.nan, np.float32).tobytes()),
        with_header({"__metadata__": METADATA, "samples": TENSOR}, np.full(24, np.inf, np.float32).tobytes()),
    ],
)
def test_what_is_no_latent_file_is_refused(data: bytes) -> None:
    with pytest.raises(LatentFileError):
        read_latent(data)


def test_a_latent_file_is_recognised_by_its_first_bytes() -> None:
    assert may_be_latent(FILE[:64])
    assert not may_be_latent(b"\x89PNG\r\n\x1a\n{")
    assert not may_be_latent(b"\x80\x04\x95\x10\x00\x00\x00\x00{")
    assert not may_be_latent((10**9).to_bytes(8, "little") + b"{")


def test_a_family_is_known_by_its_autoencoder() -> None:
    config = {
        "_class_name": "AutoencoderKL",
        "latent_channels": 4,
        "scaling_factor": 0.18215,
        "block_out_channels": [128, 256, 512, 512],
    }
    assert LatentFormat.read(config) == SD15
    assert LatentFormat.read(config | {"scaling_factor": 0.13025}) == replace(SD15, family="sdxl", scale=0.13025)
    assert LatentFormat.read(config | {"latent_channels": 12}) == LatentFormat("kl-12x8-0.18215", 12, 8, 0.18215)
    assert LatentFormat.read(config | {"_class_name": "AutoencoderKLCogVideoX"}) is None
    assert LatentFormat.read({}) is None
    assert SD15.shape(24, 16) == (1, 4, 2, 3)
