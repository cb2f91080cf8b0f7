"""The engine: takes a model from the cache and a request through its denoising steps. For clips see `video_engine`.

It imports no torch: the backend is behind the ports `ModelStore` and `DenoisingLoop`, and tests run it on a loop of
plain numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.denoising import DenoisingLoop, OnStep, denoised
from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_cache import ModelCache
from atelier_diffusion.engine.model_store import LoadedModel, ModelStatus
from atelier_diffusion.engine.results import Picture, Pixels
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.model_card import DtypeName, ModelCard
from atelier_diffusion.policy.request import ImageRequest

LoopT = TypeVar("LoopT", bound=LoadedModel)


class EngineDevice(Protocol):
    """What is reported of the device that an engine draws on."""

    @property
    def name(self) -> str:
        """Name for people, such as the GPU's."""
        ...

    @property
    def kind(self) -> str:
        """Name for torch: `cpu`, `cuda` or `cuda:0`."""
        ...

    @property
    def dtype(self) -> DtypeName:
        """Precision of the weights, unless a model's card sets another."""
        ...

    def memory(self) -> MemoryReading:
        """The device's memory now."""
        ...


class Engine(ABC, Generic[LoopT]):
    """The models of a catalogue on one device: the operations that engines for pictures and for clips share.

    Synchronous: call it from a worker thread, never from an event loop.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        cache: ModelCache[LoopT],
        device: EngineDevice,
    ) -> None:
        self._catalogue = catalogue
        self._cache = cache
        self.device = device

    def load(self, model_id: str) -> ModelStatus:
        """Loads a model unless it is loaded.

        Raises:
            EngineError: UNKNOWN_MODEL.
            ModelLoadError: The model cannot be loaded.
        """
        return self._cache.load(self._catalogue.get(model_id))

    def unload(self, model_id: str) -> ModelStatus:
        """Unloads a model, at once or when the request that uses it ends.

        Raises:
            EngineError: UNKNOWN_MODEL.
        """
        return self._cache.unload(self._catalogue.get(model_id))

    def warm_up(self, model_id: str = "") -> ModelStatus:
        """Loads a model and draws one step with its defaults, so that the first request has no start-up cost.

        Args:
            model_id: An empty one means the catalogue's default.

        Raises:
            EngineError: As a request of that model does.
        """
        card = self._catalogue.get(model_id)
        self._draw_defaults(card)
        return self.status(card.id)

    def status(self, model_id: str) -> ModelStatus:
        """The status of a model.

        Raises:
            EngineError: UNKNOWN_MODEL.
        """
        return self._cache.status(self._catalogue.get(model_id))

    def statuses(self) -> list[ModelStatus]:
        """The status of every model of the catalogue, the default first."""
        return [self._cache.status(card) for card in self._catalogue.cards]

    def refresh(self) -> None:
        """Checks whether the files of any model were replaced, and notifies the listener. Takes milliseconds."""
        for card in self._catalogue.cards:
            self._cache.refresh(card)

    def memory(self) -> MemoryReading:
        """Memory of the device."""
        return self.device.memory()

    def close(self) -> None:
        """Unloads every model that is not in use."""
        self._cache.clear()

    @abstractmethod
    def _draw_defaults(self, card: ModelCard) -> None:
        """Draws one step with the model's defaults, and discards the result."""

    @contextmanager
    def _using(self, card: ModelCard, admit: Callable[[Any], None] = lambda _: None) -> Iterator[tuple[LoopT, str]]:
        """The model and its revision (see `ModelCache.using`); after OUT_OF_MEMORY all idle models are unloaded."""
        try:
            with self._cache.using(card, admit) as used:
                yield used
        except EngineError as error:
            if error.reason == "OUT_OF_MEMORY":
                self._cache.clear()
            raise


class ImageEngine(Engine[DenoisingLoop[Any]]):
    """Draws pictures with the models of a catalogue.

    `generate` may run in one thread at a time; the other methods may be called meanwhile.
    """

    def generate(self, request: ImageRequest, model_id: str = "", *, on_step: OnStep = lambda _: True) -> list[Picture]:
        """Draws the request's pictures, one after the other.

        Args:
            request: What to draw.
            model_id: An empty one means the catalogue's default.
            on_step: Receives every step; returns False to cancel before the next one.

        Returns:
            The pictures in their order.

        Raises:
            CanceledError: `on_step` returned False.
            EngineError: See `policy.errors`; after OUT_OF_MEMORY all idle models are unloaded, so that the next
                request may succeed.
        """
        card = self._catalogue.get(model_id)
        card.check(request)
        with self._using(card) as (loop, revision):
            tokens = loop.count_tokens(request)
            return [
                Picture(
                    state.index,
                    state.seed,
                    _shown(request, loop.decode(state)) if "PICTURE" in request.outputs else None,
                    card.id,
                    revision,
                    tokens,
                    loop.latent(state) if "LATENT" in request.outputs else None,
                )
                for state in denoised(loop, loop.prepare(request), on_step)
            ]

    def _draw_defaults(self, card: ModelCard) -> None:
        self.generate(replace(card.defaults.image_request(), steps=1), card.id)


def _shown(request: ImageRequest, drawn: Pixels) -> Pixels:
    """The picture: what is drawn where the mask is white, and what the request began with where it is black."""
    if request.mask is None or request.init_picture is None:
        return drawn
    share = request.mask[..., None].astype(np.float32) / 255
    mixed: Pixels = np.rint(share * drawn + (1 - share) * request.init_picture).astype(np.uint8)
    return mixed
