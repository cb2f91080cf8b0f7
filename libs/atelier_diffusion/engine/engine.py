"""The engine: asks the cache for a model and takes a request through its denoising steps. Clips: `video_engine`.

Policy only: it owns no torch, so that it is tested with a loop of plain numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.denoising import DenoisingLoop, OnStep, denoised
from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_cache import LoadedModel, ModelCache, ModelStatus
from atelier_diffusion.engine.results import Picture
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.model_card import DtypeName, ModelCard
from atelier_diffusion.policy.request import ImageRequest

LoopT = TypeVar("LoopT", bound=LoadedModel)


class EngineDevice(Protocol):
    """What the engine tells of its device."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """`cpu`, `cuda` or `cuda:0`."""
        ...

    @property
    def dtype(self) -> DtypeName:
        """Number format of the weights, unless a model's card says otherwise."""
        ...

    def memory(self) -> MemoryReading: ...


class Engine(ABC, Generic[LoopT]):
    """A catalogue's models on one device, and what there is to do with every kind of them. Synchronous: call it from a
    worker thread.
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
        """Loads a model. Raises `EngineError` UNKNOWN_MODEL, `ModelLoadError`."""
        return self._cache.load(self._catalogue.get(model_id))

    def unload(self, model_id: str) -> ModelStatus:
        """Drops a model, or marks it to be dropped when the request that uses it ends."""
        return self._cache.unload(self._catalogue.get(model_id))

    def warm_up(self, model_id: str = "") -> ModelStatus:
        """Loads a model and draws once what is thrown away, so that the first request pays for nothing."""
        card = self._catalogue.get(model_id)
        self._rehearse(card)
        return self.status(card.id)

    def status(self, model_id: str) -> ModelStatus:
        """Where a model stands. Raises `EngineError` UNKNOWN_MODEL."""
        return self._cache.status(self._catalogue.get(model_id))

    def statuses(self) -> list[ModelStatus]:
        """Where every model of the catalogue stands, the default first."""
        return [self._cache.status(card) for card in self._catalogue.cards]

    def refresh(self) -> None:
        """Looks whether the files of any model were replaced, and tells the listener. Takes milliseconds."""
        for card in self._catalogue.cards:
            self._cache.refresh(card)

    def memory(self) -> MemoryReading:
        """Memory of the device."""
        return self.device.memory()

    def close(self) -> None:
        """Drops every model that is not in use."""
        self._cache.clear()

    @abstractmethod
    def _rehearse(self, card: ModelCard) -> None:
        """Draws one step with the model's defaults."""

    @contextmanager
    def _using(self, card: ModelCard, admit: Callable[[Any], None] = lambda _: None) -> Iterator[tuple[LoopT, str]]:
        """The model and its revision (see `ModelCache.using`); when memory ends meanwhile, all models are dropped."""
        try:
            with self._cache.using(card, admit) as used:
                yield used
        except EngineError as error:
            if error.reason == "OUT_OF_MEMORY":
                self._cache.clear()
            raise


class ImageEngine(Engine[DenoisingLoop[Any]]):
    """Draws pictures with the models of a catalogue.

    `generate` is for one thread at a time; the other methods may be called meanwhile.
    """

    def generate(self, request: ImageRequest, model_id: str = "", *, on_step: OnStep = lambda _: True) -> list[Picture]:
        """Draws the request's pictures, one after the other. An empty model id means the catalogue's default.

        `on_step` answers False to stop: `CanceledError` is raised before another step is made. Raises `EngineError`
        (see `errors`); after OUT_OF_MEMORY all models have been dropped and the next request may succeed.
        """
        card = self._catalogue.get(model_id)
        card.check(request)
        with self._using(card) as (loop, revision):
            tokens = loop.count_tokens(request)
            return [
                Picture(state.index, state.seed, loop.decode(state), card.id, revision, tokens)
                for state in denoised(loop, loop.prepare(request), on_step)
            ]

    def _rehearse(self, card: ModelCard) -> None:
        request = ImageRequest(
            prompt="",
            negative_prompt="",
            width_px=card.defaults.width_px,
            height_px=card.defaults.height_px,
            steps=1,
            guidance_scale=card.defaults.guidance_scale,
            seed=0,
            scheduler=card.defaults.scheduler,
        )
        self.generate(request, card.id)
