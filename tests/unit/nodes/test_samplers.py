"""Samplers, autoencoders and conditioning: which jobs a graph becomes, and what it draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.nodes.memory_mesh import MemoryMesh
from tests.unit.nodes.running_node import Progress, running_node

from atelier_nodes.builtin.checkpoints import CheckpointLoaderSimple, LoraLoader, LoraLoaderModelOnly
from atelier_nodes.builtin.conditioning import (
    CLIPSetLastLayer,
    CLIPTextEncode,
    ConditioningAverage,
    ConditioningCombine,
    ConditioningConcat,
    ConditioningZeroOut,
)
from atelier_nodes.builtin.latents import EmptyLatentImage, LatentUpscaleBy, RepeatLatentBatch, SetLatentNoiseMask
from atelier_nodes.builtin.mesh_latent import EncodedPicture, MeshLatent
from atelier_nodes.builtin.mesh_values import ClipValue, Conditioning, ModelValue, VaeValue
from atelier_nodes.builtin.samplers import KSampler, KSamplerAdvanced
from atelier_nodes.builtin.vae import VAEDecode, VAEEncode, VAEEncodeForInpaint
from atelier_nodes.mesh import MeshError, set_known_models

MODEL, CLIP, VAE = ModelValue("shapes"), ClipValue("shapes"), VaeValue("shapes")
# Of a graph whose sampler, node 3, is decoded.
DECODED = {"3": {"class_type": "KSampler"}, "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0]}}}
NOT_DECODED = {"3": {"class_type": "KSampler"}}


@pytest.fixture
def mesh() -> MemoryMesh:
    return MemoryMesh()


@pytest.fixture(autouse=True)
def node(mesh: MemoryMesh) -> Iterator[Progress]:
    with running_node(mesh) as progress:
        yield progress


def text(words: str, clip: ClipValue = CLIP) -> Conditioning:
    (conditioning,) = CLIPTextEncode().encode(clip, words)
    return conditioning


async def sampled(latent: Any, graph: Any = NOT_DECODED, words: str = "red", **settings: Any) -> Any:
    values = {
        "seed": 8,
        "steps": 4,
        "cfg": 7.5,
        "sampler_name": "euler",
        "scheduler": "karras",
        "model": MODEL,
        "positive": text(words),
        "negative": text(""),
        **settings,
    }
    (result,) = await KSampler().sample(latent_image=latent, prompt=graph, **values)
    return result


def empty(count: int = 1) -> Any:
    return EmptyLatentImage().generate(128, 64, count)[0]


def plain(colour: tuple[float, float, float], count: int = 1) -> torch.Tensor:
    return torch.tensor(colour).expand(count, 64, 128, 3)


async def colour(latent: Any, at: tuple[int, int] = (0, 0)) -> list[float]:
    (image,) = await VAEDecode().decode(VAE, latent)
    return [round(float(value), 2) for value in image[0, at[0], at[1]]]


async def test_the_default_graph_is_one_job(mesh: MemoryMesh, node: Progress) -> None:
    latent = await sampled(empty(), DECODED)
    assert await colour(latent) == [1, 0, 0]
    assert mesh.calls == [
        {
            "model": "shapes",
            "prompt": "red",
            "width_px": 128,
            "height_px": 64,
            "steps": 4,
            "guidance_scale": 7.5,
            "seed": 8,
            "scheduler": "EULER",
            "sigmas": "KARRAS",
            "count": 1,
            "output_format": "PNG",
            "outputs": ["PICTURE", "LATENT"],
        }
    ]
    assert node.values == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert node.previews == [b"preview"]


async def test_a_latent_that_is_not_decoded_has_no_picture_and_can_be_decoded_later(mesh: MemoryMesh) -> None:
    latent = await sampled(empty())
    assert mesh.calls[0]["outputs"] == ["LATENT"]
    assert await colour(latent) == [1, 0, 0]
    assert mesh.calls[1]["start_step"] == mesh.calls[1]["end_step"] == 0


async def test_a_sampler_inside_an_expansion_returns_the_picture_too(mesh: MemoryMesh) -> None:
    with running_node(mesh, "5.0.0.3"):
        await sampled(empty(), DECODED)
    assert mesh.calls[0]["outputs"] == ["PICTURE", "LATENT"]


async def test_a_second_sampler_goes_on_from_the_asset_of_the_first(mesh: MemoryMesh) -> None:
    first = await sampled(empty())
    before = set(mesh.assets)
    second = await sampled(first, DECODED, "blue", denoise=0.5)
    assert mesh.calls[1]["init_latent_asset_id"] in before
    assert mesh.calls[1]["denoise"] == 0.5
    assert await colour(second) == [0.5, 0, 0.5]


async def test_a_batch_is_jobs_of_eight_with_successive_seeds(mesh: MemoryMesh, node: Progress) -> None:
    latent = await sampled(empty(19), DECODED, seed=16)
    assert [(call["seed"], call["count"]) for call in mesh.calls] == [(16, 8), (24, 8), (32, 3)]
    assert mesh.running == 3
    assert node.values[-1:] == [(12, 12)]
    (images,) = await VAEDecode().decode(VAE, latent)
    assert [round(float(image[0, 0, 0]) * 16) for image in images[:9]] == [16, 15, 14, 13, 12, 11, 10, 9, 16]


async def test_a_seed_of_64_bits_arrives_unchanged(mesh: MemoryMesh) -> None:
    await sampled(empty(), seed=2**64 - 1)
    await sampled(empty(2), seed=2**32 - 1)
    await sampled(empty(), seed=2**32 - 1)
    assert mesh.calls[0]["wide_seed"] == str(2**64 - 1)
    assert mesh.calls[1]["wide_seed"] == str(2**32 - 1)
    assert mesh.calls[2]["seed"] == 2**32 - 1


async def test_a_picture_is_encoded_by_the_job_that_begins_with_it(mesh: MemoryMesh) -> None:
    (latent,) = VAEEncode().encode(VAE, plain((0, 1, 0)))
    assert await colour(await sampled(latent, DECODED, "red", denoise=0.25)) == [0.25, 0.75, 0]
    assert len(mesh.calls) == 1
    assert "init_image_asset_id" in mesh.calls[0]


async def test_a_picture_is_cropped_to_whole_cells(mesh: MemoryMesh) -> None:
    (latent,) = VAEEncode().encode(VAE, torch.rand(1, 67, 130, 3))
    assert latent["samples"].shape == (1, 4, 8, 16)


async def test_an_encoded_picture_is_a_tensor_when_a_node_reads_it(mesh: MemoryMesh) -> None:
    (latent,) = VAEEncode().encode(VAE, torch.cat([plain((0, 1, 0)), plain((1, 0, 0))]))
    assert latent["samples"].shape == (2, 4, 8, 16)
    assert latent["samples"][0, :, 0, 0].tolist() == pytest.approx([0, 1, 0, 1])
    assert [call["outputs"] for call in mesh.calls] == [["LATENT"], ["LATENT"]]


async def test_a_latent_made_here_is_stored_and_sampled(mesh: MemoryMesh) -> None:
    first = await sampled(empty())
    (larger,) = await LatentUpscaleBy().upscale(first, "bislerp", 2.0)
    latent = await sampled(larger, DECODED, "blue", denoise=0.5)
    assert (mesh.calls[-1]["width_px"], mesh.calls[-1]["height_px"]) == (256, 128)
    assert await colour(latent) == [0.5, 0, 0.5]


async def test_a_tensor_of_unknown_origin_takes_the_format_of_the_model(mesh: MemoryMesh) -> None:
    samples = torch.ones(1, 4, 8, 16) * torch.tensor([0.0, 1.0, 0.0, 1.0])[:, None, None]
    assert await colour({"samples": samples}) == [0, 1, 0]


async def test_latents_repeated_have_noise_of_their_own_in_one_job(mesh: MemoryMesh) -> None:
    first = await sampled(empty())
    (repeated,) = RepeatLatentBatch().repeat(first, 3)
    await sampled(repeated, denoise=0.5, seed=40)
    assert (mesh.calls[-1]["seed"], mesh.calls[-1]["count"]) == (40, 3)


async def test_a_picture_repeated_is_stored_once_and_drawn_by_one_job(mesh: MemoryMesh) -> None:
    (latent,) = VAEEncode().encode(VAE, plain((0, 1, 0)))
    (repeated,) = RepeatLatentBatch().repeat(latent, 3)
    await sampled(repeated, denoise=0.5)
    assert mesh.stored == 1
    assert [call["count"] for call in mesh.calls] == [3]


async def test_a_mask_selects_what_is_redrawn(mesh: MemoryMesh) -> None:
    mask = torch.zeros(1, 64, 128)
    mask[:, :, 64:] = 1
    (latent,) = VAEEncode().encode(VAE, plain((0, 1, 0)))
    (masked,) = SetLatentNoiseMask().set_mask(latent, mask)
    result = await sampled(masked, DECODED)
    assert await colour(result, (0, 0)) == [0, 1, 0]
    assert await colour(result, (0, 127)) == [1, 0, 0]
    assert torch.equal(result["noise_mask"], mask.unsqueeze(1))


async def test_inpainting_greys_what_is_masked_and_draws_a_margin_anew(mesh: MemoryMesh) -> None:
    mask = torch.zeros(1, 64, 128)
    mask[:, :, 64:] = 1
    (latent,) = VAEEncodeForInpaint().encode(VAE, plain((0, 1, 0)), mask, 16)
    (source,) = latent.sources
    assert isinstance(source, EncodedPicture)
    assert source.pixels[0, 127].tolist() == [127, 127, 127]
    assert source.pixels[0, 63].tolist() == [0, 255, 0]
    assert latent["noise_mask"][0, 0, 0].tolist() == [0.0] * 56 + [1.0] * 72


async def test_a_sampler_without_steps_to_do_returns_its_latent(mesh: MemoryMesh) -> None:
    latent = empty()
    assert await sampled(latent, denoise=0.0) is latent
    assert not mesh.calls


async def advanced(latent: Any, **settings: Any) -> Any:
    values = {
        "model": MODEL,
        "add_noise": "enable",
        "noise_seed": 8,
        "steps": 10,
        "cfg": 1.0,
        "sampler_name": "dpmpp_2m",
        "scheduler": "simple",
        "positive": text("red"),
        "negative": text("blue"),
        "start_at_step": 0,
        "end_at_step": 10_000,
        "return_with_leftover_noise": "disable",
        **settings,
    }
    (result,) = await KSamplerAdvanced().sample(latent_image=latent, prompt=NOT_DECODED, **values)
    return result


async def test_two_advanced_samplers_share_a_schedule(mesh: MemoryMesh) -> None:
    first = await advanced(empty(), end_at_step=6, return_with_leftover_noise="enable")
    await advanced(first, add_noise="disable", start_at_step=6)
    one, two = mesh.calls
    assert (one["start_step"], one["end_step"], one["keep_noise"]) == (0, 6, True)
    assert "add_noise" not in one
    assert (two["start_step"], two["end_step"]) == (6, 10)
    assert "add_noise" not in two
    assert two["init_latent_asset_id"]


async def test_an_advanced_sampler_adds_noise_at_a_later_step_or_none_at_the_first(mesh: MemoryMesh) -> None:
    latent = await advanced(empty())
    await advanced(latent, start_at_step=4)
    await advanced(latent, add_noise="disable")
    assert mesh.calls[1]["add_noise"] is True
    assert mesh.calls[2]["add_noise"] is False
    assert await advanced(latent, start_at_step=10) is latent


async def test_without_guidance_there_is_no_negative_prompt_and_zeros_do(mesh: MemoryMesh) -> None:
    await advanced(empty(), negative=ConditioningZeroOut().zero_out(text("blue"))[0])
    assert "negative_prompt" not in mesh.calls[0]
    with pytest.raises(ValueError, match="cfg of 1"):
        await advanced(empty(), cfg=2.0, negative=ConditioningZeroOut().zero_out(text("blue"))[0])


async def test_an_empty_prompt_is_drawn(mesh: MemoryMesh) -> None:
    await sampled(empty(), words="")
    assert mesh.calls[0]["prompt"] == " "
    assert "negative_prompt" not in mesh.calls[0]


async def test_texts_of_another_model_are_refused(mesh: MemoryMesh) -> None:
    with pytest.raises(ValueError, match="'other'"):
        await sampled(empty(), positive=text("red", ClipValue("other")))
    assert not mesh.calls


async def test_a_combination_of_texts_is_refused_by_name(mesh: MemoryMesh) -> None:
    (both,) = ConditioningCombine().combine(text("red"), text("blue"))
    with pytest.raises(ValueError, match="positive: the image service takes one text"):
        await sampled(empty(), positive=both)
    for node in (ConditioningCombine, ConditioningConcat):
        assert "cannot combine" in str(node.VALIDATE_INPUTS())
    assert "cannot combine" in str(ConditioningAverage.VALIDATE_INPUTS(0.5))
    assert ConditioningAverage.VALIDATE_INPUTS(0.0) is True
    assert ConditioningAverage().addWeighted(text("red"), text("blue"), 0.0) == (text("blue"),)


async def test_weights_that_a_pack_has_loaded_are_no_model(mesh: MemoryMesh) -> None:
    with pytest.raises(TypeError, match="model must come from a model of the mesh"):
        await sampled(empty(), model=object())


@pytest.mark.parametrize("words", ["a (red:1.3) circle", "((red))", "embedding:easynegative", "a (cat)"])
def test_syntax_without_a_counterpart_is_refused(words: str) -> None:
    assert "image service" in str(CLIPTextEncode.VALIDATE_INPUTS(words))
    with pytest.raises(ValueError, match="image service"):
        text(words)


def test_escaped_parentheses_are_text() -> None:
    assert CLIPTextEncode.VALIDATE_INPUTS(r"a circle \(red\)") is True
    assert text(r"a circle \(red\)")[0][0].text == "a circle (red)"


def test_names_without_a_counterpart_are_refused_with_what_there_is() -> None:
    assert KSampler.VALIDATE_INPUTS("euler", "karras") is True
    assert "no sampler 'dpm_fast'; it has euler" in str(KSampler.VALIDATE_INPUTS("dpm_fast", "karras"))
    assert "ddpm goes with the scheduler normal, " in str(KSampler.VALIDATE_INPUTS("ddpm", "karras"))
    assert "lcm goes with the scheduler sgm_uniform, not" in str(KSampler.VALIDATE_INPUTS("lcm", "normal"))
    assert KSampler.VALIDATE_INPUTS("lcm", "sgm_uniform") is True
    assert KSampler.VALIDATE_INPUTS("ddpm", None) is True
    assert "no scheduler 'kl_optimal'" in str(KSamplerAdvanced.VALIDATE_INPUTS("euler", "kl_optimal"))


async def test_ddim_is_drawn_by_the_method_that_takes_its_noise_levels(mesh: MemoryMesh) -> None:
    await sampled(empty(), sampler_name="ddim", scheduler="ddim_uniform")
    await sampled(empty(), sampler_name="ddim", scheduler="karras")
    assert [(call["scheduler"], call["sigmas"]) for call in mesh.calls] == [
        ("DDIM", "DDIM_UNIFORM"),
        ("EULER", "KARRAS"),
    ]


async def test_models_are_offered_and_found_by_name_or_file(mesh: MemoryMesh) -> None:
    set_known_models(await mesh.models())
    try:
        assert CheckpointLoaderSimple.INPUT_TYPES()["required"]["ckpt_name"] == (["shapes", "other"], {})
        assert CheckpointLoaderSimple().load_checkpoint("shapes.safetensors") == (MODEL, CLIP, VAE)
        assert CheckpointLoaderSimple.VALIDATE_INPUTS("other") is True
        assert "no image model 'film'; it has shapes, other" in str(CheckpointLoaderSimple.VALIDATE_INPUTS("film"))
    finally:
        set_known_models(())
    assert "is there a mesh" in str(CheckpointLoaderSimple.VALIDATE_INPUTS("shapes"))


def test_what_the_service_lacks_is_said_at_validation() -> None:
    assert "no LoRA yet" in str(LoraLoader.VALIDATE_INPUTS("x.safetensors"))
    assert "no LoRA yet" in str(LoraLoaderModelOnly.VALIDATE_INPUTS("x.safetensors"))
    assert "layer -2" in str(CLIPSetLastLayer.VALIDATE_INPUTS(-2))
    assert CLIPSetLastLayer().set_last_layer(CLIP, -1) == (CLIP,)


async def test_the_reason_of_the_mesh_is_the_nodes_failure(mesh: MemoryMesh) -> None:
    texts: dict[str, Any] = {"positive": text("red", ClipValue("other")), "negative": text("", ClipValue("other"))}
    other = await sampled(empty(), model=ModelValue("other"), **texts)
    with pytest.raises(MeshError, match="another family"):
        await sampled(other, denoise=0.5)


async def test_a_latent_behaves_as_a_dict(mesh: MemoryMesh) -> None:
    latent = await sampled(empty())
    stored = len(mesh.assets)
    assert isinstance(latent, MeshLatent)
    assert list(latent) == ["samples"]
    assert "samples" in latent
    for read in (dict(latent), {**latent}, latent.copy(), dict(latent.items())):
        assert read["samples"].shape == (1, 4, 8, 16)
    assert latent.get("samples") is latent["samples"]
    assert latent.get("noise_mask") is None
    assert len(mesh.assets) == stored
    assert "1 on the mesh" in repr(latent)


async def test_a_copy_reads_nothing_and_stays_on_the_mesh(mesh: MemoryMesh) -> None:
    latent = await sampled(empty())
    copied = latent.copy()
    mesh.assets.clear()
    assert copied.sources == latent.sources
    with pytest.raises(MeshError, match="ASSET_NOT_FOUND"):
        copied["samples"]


async def test_a_copy_is_fetched_with_its_original_and_knows_its_format(mesh: MemoryMesh) -> None:
    latent = await sampled(empty())
    copied = latent.copy()
    samples = latent["samples"]
    mesh.assets.clear()
    assert copied["samples"] is samples
    copied["samples"] = samples * 0.5
    assert copied.format == latent.format is not None
    assert latent.sources
    assert not copied.sources


async def test_a_changed_tensor_is_what_is_sampled(mesh: MemoryMesh) -> None:
    for change in ("assigned", "in place"):
        latent = await sampled(empty(), seed=8 if change == "assigned" else 16)
        green = torch.from_numpy(np.array([0, 1, 0, 1], np.float32))[:, None, None].expand(1, 4, 8, 16)
        with torch.inference_mode():
            if change == "assigned":
                latent["samples"] = green.clone()
            else:
                latent["samples"].copy_(green)
        assert latent.sources == ()
        assert await colour(latent) == [0, 1, 0]


async def test_the_same_call_again_is_the_same_job(mesh: MemoryMesh) -> None:
    await sampled(empty())
    await sampled(empty())
    assert len(mesh.calls) == 1
