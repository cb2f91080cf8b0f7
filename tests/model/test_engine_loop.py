"""The loop behind the port: strangers' pictures may share a step."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.policy.request import ImageRequest

FIRST = ImageRequest("a red circle on a blue background", "", 256, 256, 4, 3.0, 7, "DDIM")
SECOND = replace(FIRST, prompt="a green star", steps=6, seed=8, scheduler="EULER_ANCESTRAL", guidance_scale=1.0)


@pytest.fixture
def loop(engine: ImageEngine, demo_catalogue: Catalogue) -> Iterator[object]:
    from atelier_diffusion.torch_backend.device import Device
    from atelier_diffusion.torch_backend.pipeline_store import DiffusersStore
    from atelier_diffusion.weights.hub import Hub
    from atelier_diffusion.weights.model_revisions import ModelRevisions

    loaded = DiffusersStore(Device.choose("cpu"), Hub(), ModelRevisions()).locate(demo_catalogue.default).load()
    yield loaded
    loaded.close()


def test_pictures_of_two_requests_share_steps_and_stay_what_they_are_alone(loop: object, engine: ImageEngine) -> None:
    from atelier_diffusion.torch_backend.image_loop import DiffusersLoop

    assert isinstance(loop, DiffusersLoop)
    (first,), (second,) = loop.prepare(FIRST), loop.prepare(SECOND)
    loop.step([second])
    while first.step < first.steps:
        loop.step([first, second])
    while second.step < second.steps:
        loop.step([second])
    for state, request in ((first, FIRST), (second, SECOND)):
        alone = engine.generate(request)[0].pixels.astype(int)
        assert np.abs(loop.decode(state).astype(int) - alone).max() <= 2


def test_pictures_of_every_kind_share_steps_and_stay_what_they_are_alone(loop: object, engine: ImageEngine) -> None:
    from atelier_diffusion.torch_backend.image_loop import DiffusersLoop

    assert isinstance(loop, DiffusersLoop)
    begun = engine.generate(FIRST)[0].pixels
    mask = np.zeros((256, 256), np.uint8)
    mask[:, :128] = 255
    requests = (
        replace(SECOND, scheduler="HEUN", steps=4, guidance_scale=3.0),
        replace(FIRST, scheduler="DPMPP_SDE", sigmas="KARRAS", seed=0, wide_seed=2**40),
        replace(SECOND, init_picture=begun, denoise=0.6),
        replace(SECOND, scheduler="DPM2_ANCESTRAL", init_picture=begun, mask=mask),
        replace(FIRST, scheduler="EULER", steps=6, end_step=4, keep_noise=False),
    )
    states = [state for request in requests for state in loop.prepare(request)]
    while waiting := [state for state in states if state.step < state.steps]:
        loop.step(waiting)
    for state, request in zip(states, requests, strict=True):
        alone = engine.generate(replace(request, mask=None))[0].pixels if request.mask is None else None
        if alone is None:  # what stays is put over the picture once it is decoded
            alone = engine.generate(request)[0].pixels
            assert np.array_equal(alone[:, 128:], begun[:, 128:])
            alone = np.where(mask[..., None] == 255, alone, loop.decode(state))
        assert np.abs(loop.decode(state).astype(int) - alone.astype(int)).max() <= 3


def test_numbers_that_overflowed_are_no_picture(loop: object) -> None:
    from atelier_diffusion.policy.errors import EngineError
    from atelier_diffusion.torch_backend.image_loop import DiffusersLoop

    assert isinstance(loop, DiffusersLoop)
    (state,) = loop.prepare(FIRST)
    state.latents = state.latents * float("nan")
    with pytest.raises(EngineError) as refused:
        loop.decode(state)
    assert refused.value.reason == "NUMERICAL_FAILURE"
