"""The engine for clips: memory is estimated before it is used, and frames are passed on as they are decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from atelier_diffusion.engine.clip_model import ClipModel, FrameDecoder, ModelFacts
from atelier_diffusion.engine.denoising import OnStep
from atelier_diffusion.engine.engine import Engine
from atelier_diffusion.engine.results import Clip, FrameChunk, Pixels
from atelier_diffusion.policy.clip_memory import clip_too_large
from atelier_diffusion.policy.errors import CanceledError
from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.request import VideoRequest


class LocatedClipModel(Protocol):
    """A located video model: a `LocatedModel` whose `facts` are known before it is loaded."""

    @property
    def needed_bytes(self) -> int:
        """Memory that the weights will take."""
        ...

    @property
    def facts(self) -> ModelFacts: ...


class VideoEngine(Engine[ClipModel]):
    """Draws clips with the models of a catalogue.

    `generate` may run in one thread at a time; the other methods may be called meanwhile.
    """

    def generate(
        self,
        request: VideoRequest,
        model_id: str = "",
        *,
        on_frames: Callable[[FrameChunk], bool],
        on_step: OnStep = lambda _: True,
    ) -> Clip:
        """Draws a clip and passes its frames on while they are decoded: the whole clip is in memory only where its
        pipeline decodes it at once.

        Args:
            request: What to draw.
            model_id: An empty one means the catalogue's default.
            on_frames: Receives the chunks in their order; returns False to cancel before the next one is decoded.
            on_step: Receives every step; returns False to cancel before the next one.

        Returns:
            The clip, without its frames.

        Raises:
            CanceledError: `on_step` or `on_frames` returned False.
            EngineError: See `policy.errors`. CLIP_TOO_LARGE, and INVALID_REQUEST for what the model's files exclude,
                are raised before the model is loaded; after OUT_OF_MEMORY all idle models are unloaded, so that the
                next request may succeed.
        """
        card = self._catalogue.get(model_id)
        card.check(request)
        with self._using(card, partial(self._admit, request)) as (model, revision):
            self._check(request, model.facts, weights_bytes=0)
            frames = model.draw(request, on_step)
            self._pass_on(frames, model.facts, request, on_frames)
            tokens = model.count_tokens(request)
        return Clip(request.seed, request.frames, card.id, revision, tokens)

    def _admit(self, request: VideoRequest, located: LocatedClipModel) -> None:
        self._check(request, located.facts, located.needed_bytes)

    def _check(self, request: VideoRequest, facts: ModelFacts, weights_bytes: int) -> None:
        """Unloads idle models where the clip needs their memory; refuses the clip first if that would not suffice."""
        facts.check(request)
        needed = weights_bytes + facts.needed_bytes(request)
        free = self.device.memory().usable_bytes
        if needed > free + self._cache.idle_bytes:
            raise clip_too_large(request, needed, free + self._cache.idle_bytes)
        if needed > free:
            self._cache.clear()

    def _pass_on(
        self, frames: FrameDecoder, facts: ModelFacts, request: VideoRequest, on_frames: Callable[[FrameChunk], bool]
    ) -> None:
        at_once = facts.frames_at_once(request, self.device.memory().usable_bytes)
        for first in range(0, request.frames, at_once):
            chunk = FrameChunk(first, frames(first, min(at_once, request.frames - first)))
            if not on_frames(chunk):
                raise CanceledError(f"stopped after frame {first + len(chunk.pixels)} of {request.frames}")

    def _draw_defaults(self, card: ModelCard) -> None:
        first_frame = _grey(card) if card.takes_first_frame else None  # some models require one
        request = replace(card.defaults.video_request(), steps=1, first_frame=first_frame)
        self.generate(request, card.id, on_frames=lambda _: True)


def _grey(card: ModelCard) -> Pixels:
    return np.full((card.defaults.height_px, card.defaults.width_px, 3), 128, np.uint8)
