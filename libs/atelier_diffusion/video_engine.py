"""The engine for clips: memory is planned before it is used, and frames leave as they are decoded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from atelier_diffusion.clip_memory import ClipFacts, clip_too_large, decode_chunk_size, needed_bytes
from atelier_diffusion.denoise import Clip, ClipLoop, FrameChunk
from atelier_diffusion.engine import Engine, StepReport
from atelier_diffusion.errors import CanceledError
from atelier_diffusion.model_card import ModelCard
from atelier_diffusion.request import VideoRequest


class LocatedClipModel(Protocol):
    """What a store of video models answers, besides what `model_cache.LocatedModel` says."""

    @property
    def needed_bytes(self) -> int:
        """Memory that the weights will take."""
        ...

    @property
    def facts(self) -> ClipFacts: ...


class VideoEngine(Engine[ClipLoop[Any]]):
    """Draws clips with the models of a catalogue.

    `generate` is for one thread at a time; the other methods may be called meanwhile.
    """

    def generate(
        self,
        request: VideoRequest,
        model_id: str = "",
        *,
        on_frames: Callable[[FrameChunk], bool],
        on_step: Callable[[StepReport], bool] = lambda _: True,
    ) -> Clip:
        """Draws a clip and gives its frames to `on_frames`, in their order, as they are decoded: the clip is never in
        memory whole. An empty model id means the catalogue's default.

        `on_step` and `on_frames` answer False to stop: `CanceledError` is raised before another step is made or more
        frames are decoded. Raises `EngineError` (see `errors`): CLIP_TOO_LARGE before the model is loaded; after
        OUT_OF_MEMORY all models have been dropped and the next request may succeed.
        """
        card = self._catalogue.get(model_id)
        card.check(request)
        with self._using(card, partial(self._admit, request)) as (loop, revision):
            self._check_memory(request, loop.facts, weights_bytes=0)
            for state in self._denoised(loop, [loop.prepare(request)], on_step):
                self._decode(loop, state, request, on_frames)
        return Clip(request.seed, request.frames, card.id, revision)

    def _admit(self, request: VideoRequest, located: LocatedClipModel) -> None:
        self._check_memory(request, located.facts, located.needed_bytes)

    def _check_memory(self, request: VideoRequest, facts: ClipFacts, weights_bytes: int) -> None:
        """Drops models that are not in use where the clip needs their room; refuses before that would be in vain."""
        needed = weights_bytes + needed_bytes(facts, request)
        free = self.device.memory().usable_bytes
        if needed > free + self._cache.idle_bytes:
            raise clip_too_large(request, needed, free + self._cache.idle_bytes)
        if needed > free:
            self._cache.clear()

    def _decode(
        self, loop: ClipLoop[Any], state: Any, request: VideoRequest, on_frames: Callable[[FrameChunk], bool]
    ) -> None:
        frames = decode_chunk_size(loop.facts, request, self.device.memory().usable_bytes)
        for first in range(0, request.frames, frames):
            chunk = FrameChunk(first, loop.decode(state, first, min(frames, request.frames - first)))
            if not on_frames(chunk):
                raise CanceledError(f"stopped after frame {first + len(chunk.pixels)} of {request.frames}")

    def _rehearse(self, card: ModelCard) -> None:
        request = VideoRequest(
            prompt="",
            negative_prompt="",
            width_px=card.defaults.width_px,
            height_px=card.defaults.height_px,
            frames=card.defaults.frames,
            steps=1,
            guidance_scale=card.defaults.guidance_scale,
            seed=0,
            scheduler=card.defaults.scheduler,
        )
        self.generate(request, card.id, on_frames=lambda _: True)
