"""The engine's decisions, over a loop of plain numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.denoising import DenoisingLoop, StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_cache import ModelCache
from atelier_diffusion.engine.results import Latent, Pixels
from atelier_diffusion.policy.errors import CanceledError, EngineError
from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_diffusion.policy.model_card import NO_FACTS, DtypeName, FileFacts, ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount
from atelier_diffusion.policy.request import ImageRequest

CARD = ModelCard("m", "M", ModelSource("path", "m"), "r1", Path("m"), ModelDefaults(64, 64, 2, 1.0, "DDIM"), 32, 128)


@dataclass
class State:
    index: int
    seed: int
    steps: int
    step: int = 0


@dataclass
class Loop:
    """Draws grey pictures whose brightness is the seed; memory ends at step `fails_at`."""

    fails_at: int = -1
    memory_bytes: int = 100
    run: int = 0
    previews: int = 0
    is_closed: bool = False

    def prepare(self, request: ImageRequest) -> list[State]:
        return [State(k, seed, request.drawn_steps) for k, seed in enumerate(request.seeds)]

    def count_tokens(self, request: ImageRequest) -> PromptTokens:
        return PromptTokens(TokenCount(len(request.prompt), 5), None)

    def step(self, states: Sequence[State]) -> None:
        self.run += 1
        if self.run == self.fails_at:
            raise EngineError("OUT_OF_MEMORY", "no room")
        for state in states:
            state.step += 1

    def decode(self, state: State) -> Pixels:
        return np.full((4, 4, 3), state.seed, np.uint8)

    def latent(self, state: State) -> Latent:
        return Latent(np.full((1, 4, 8, 8), state.seed, np.float32), LatentFormat("sd15", 4, 8, 0.18215))

    def preview(self, state: State) -> Pixels:
        self.previews += 1
        return np.full((2, 2, 3), state.step, np.uint8)

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Located:
    loop: Loop
    revision: str = "r2"
    needed_bytes: int = 100
    file_facts: FileFacts = NO_FACTS

    def is_replaced(self) -> bool:
        return False

    def load(self) -> Loop:
        return self.loop


@dataclass
class Bench:
    """An engine over one loop: store and device in one."""

    loop: Loop = field(default_factory=Loop)
    name: str = "paper"
    kind: str = "cpu"
    dtype: DtypeName = "float32"

    def __post_init__(self) -> None:
        cache: ModelCache[DenoisingLoop[Any]] = ModelCache(self, 1000, lambda _: None)
        self.engine = ImageEngine(Catalogue([CARD], "m"), cache, self)

    def known_revision(self, card: ModelCard) -> str:
        return card.revision

    def locate(self, card: ModelCard) -> Located:
        return Located(self.loop)

    def memory(self) -> MemoryReading:
        return MemoryReading(1, 2)


REQUEST = ImageRequest("x", "", 64, 96, 3, 1.0, 7, "EULER", 2)


def test_pictures_come_in_order_with_their_seeds_and_the_models_revision() -> None:
    pictures = Bench().engine.generate(REQUEST)
    told = [(p.index, p.seed, int(p.pixels[0, 0, 0]), p.model_id, p.model_revision) for p in pictures]
    assert told == [(0, 7, 7, "m", "r2"), (1, 8, 8, "m", "r2")]


def test_every_step_is_reported_once_and_in_order() -> None:
    told: list[tuple[int, int, int]] = []

    def on_step(report: StepReport) -> bool:
        told.append((report.step, report.steps, report.picture_index))
        return True

    Bench().engine.generate(REQUEST, on_step=on_step)
    assert told == [(0, 6, 0), (1, 6, 0), (2, 6, 0), (3, 6, 0), (4, 6, 1), (5, 6, 1), (6, 6, 1)]


def test_previews_are_drawn_only_when_requested() -> None:
    bench = Bench()
    seen: list[int] = []

    def on_step(report: StepReport) -> bool:
        if report.step == 5:
            assert report.preview is not None
            seen.append(int(report.preview()[0, 0, 0]))
        return True

    bench.engine.generate(REQUEST, on_step=on_step)
    assert (seen, bench.loop.previews) == ([2], 1)


@pytest.mark.parametrize("stop_at", [0, 1, 4])
def test_a_stop_is_obeyed_before_another_step(stop_at: int) -> None:
    bench = Bench()
    with pytest.raises(CanceledError):
        bench.engine.generate(REQUEST, on_step=lambda report: report.step < stop_at)
    assert bench.loop.run == stop_at
    assert len(bench.engine.generate(REQUEST)) == 2


def test_a_wrong_size_is_refused_before_the_model_is_loaded() -> None:
    bench = Bench()
    with pytest.raises(EngineError) as refused:
        bench.engine.generate(ImageRequest("x", "", 72, 64, 3, 1.0, 7, "EULER"))
    assert refused.value.reason == "INVALID_SIZE"
    assert bench.engine.status("m").state == "UNLOADED"


def test_when_memory_ends_every_model_is_dropped_and_the_engine_lives_on() -> None:
    bench = Bench(Loop(fails_at=2))
    with pytest.raises(EngineError) as refused:
        bench.engine.generate(REQUEST)
    assert refused.value.reason == "OUT_OF_MEMORY"
    assert bench.loop.is_closed
    assert bench.engine.status("m").state == "UNLOADED"
    assert len(bench.engine.generate(REQUEST)) == 2


def test_warming_up_draws_one_step_of_the_models_own_size() -> None:
    bench = Bench()
    assert bench.engine.warm_up().state == "READY"
    assert bench.loop.run == 1


def test_an_unknown_model_is_refused_everywhere() -> None:
    engine = Bench().engine
    for ask in (engine.load, engine.unload, engine.status, engine.warm_up, lambda m: engine.generate(REQUEST, m)):
        with pytest.raises(EngineError) as refused:
            ask("other")
        assert refused.value.reason == "UNKNOWN_MODEL"


def test_there_is_a_status_of_every_model() -> None:
    bench = Bench()
    bench.engine.load("m")
    assert [(s.model_id, s.state, s.revision) for s in bench.engine.statuses()] == [("m", "READY", "r2")]
    bench.engine.close()
    assert bench.loop.is_closed
