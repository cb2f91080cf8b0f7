"""The decisions of the engine for clips, over a loop of plain numbers."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.clip_model import ClipModel, FrameDecoder
from atelier_diffusion.engine.denoising import OnStep, StepReport, denoised
from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_cache import ModelCache
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.engine.results import Clip, FrameChunk, Frames, Pixels
from atelier_diffusion.engine.video_engine import VideoEngine
from atelier_diffusion.policy.clip_memory import ClipFacts, decoding_bytes, denoising_bytes
from atelier_diffusion.policy.errors import CanceledError, EngineError
from atelier_diffusion.policy.model_card import NO_FACTS, DtypeName, FileFacts, ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount
from atelier_diffusion.policy.request import VideoRequest

FACTS = ClipFacts(
    latent_channels=4,
    latent_px=8,
    network_channels=(32, 64),
    network_layers=1,
    network_attends=(False, True),
    entry_channels=64,
    decoder_channels=(16, 32, 32, 32),
    decoder_layers=1,
    network_number_bytes=4,
    decoder_number_bytes=4,
)
REQUEST = VideoRequest(
    prompt="x",
    negative_prompt="",
    width_px=64,
    height_px=96,
    frames=10,
    steps=3,
    guidance_scale=1.0,
    seed=7,
    scheduler="EULER",
)
NEEDED = denoising_bytes(FACTS, REQUEST)
WEIGHTS = 1000


def card(model_id: str) -> ModelCard:
    defaults = ModelDefaults(64, 64, 2, 1.0, "DDIM", frames=4)
    source = ModelSource("path", model_id)
    return ModelCard(model_id, "M", source, "r1", Path("m"), defaults, 32, 1024, kind="video", max_frames=10_000)


@dataclass
class State:
    seed: int
    steps: int
    index: int = 0
    step: int = 0


@dataclass
class Loop:
    """Draws grey frames whose brightness is their index; memory ends at step `fails_at`."""

    bench: "Bench"
    memory_bytes: int = WEIGHTS
    is_closed: bool = False

    @property
    def facts(self) -> ClipFacts:
        return self.bench.facts

    def count_tokens(self, request: VideoRequest) -> PromptTokens:
        return PromptTokens(TokenCount(len(request.prompt), 5), None)

    def draw(self, request: VideoRequest, on_step: OnStep) -> FrameDecoder:
        (state,) = denoised(self, [State(request.seed, request.steps)], on_step)
        return partial(self.decode, state)

    def step(self, states: Sequence[State]) -> None:
        self.bench.run += 1
        if self.bench.run == self.bench.fails_at:
            raise EngineError("OUT_OF_MEMORY", "no room")
        for state in states:
            state.step += 1

    def decode(self, state: State, first_index: int, count: int) -> Frames:
        assert state.step == state.steps
        self.bench.decoded.append(count)
        indices = np.arange(first_index, first_index + count, dtype=np.uint8)
        return np.broadcast_to(indices[:, None, None, None], (count, 4, 4, 3))

    def preview(self, state: State) -> Pixels:
        return np.full((2, 2, 3), state.step, np.uint8)

    def close(self) -> None:
        self.is_closed = True
        self.bench.free_bytes += self.memory_bytes


@dataclass
class Located:
    bench: "Bench"
    revision: str = "r2"
    needed_bytes: int = WEIGHTS
    file_facts: FileFacts = NO_FACTS

    @property
    def facts(self) -> ClipFacts:
        return self.bench.facts

    def is_replaced(self) -> bool:
        return False

    def load(self) -> Loop:
        self.bench.loops.append(Loop(self.bench))
        self.bench.free_bytes -= WEIGHTS
        return self.bench.loops[-1]


@dataclass
class Bench:
    """An engine over loops of numbers: store and device in one."""

    free_bytes: int = 10**9
    fails_at: int = -1
    facts: ClipFacts = FACTS
    run: int = 0
    decoded: list[int] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    name: str = "paper"
    kind: str = "cpu"
    dtype: DtypeName = "float32"

    def __post_init__(self) -> None:
        cache: ModelCache[ClipModel] = ModelCache(self, 10**9, self.hear)
        self.engine = VideoEngine(Catalogue([card("m"), card("n")], "m"), cache, self)

    def hear(self, status: ModelStatus) -> None:
        self.heard.append(f"{status.model_id} {status.state}")

    def known_revision(self, card: ModelCard) -> str:
        return card.revision

    def locate(self, card: ModelCard) -> Located:
        return Located(self)

    def memory(self) -> MemoryReading:
        return MemoryReading(0, self.free_bytes)

    def draw(self, request: VideoRequest = REQUEST, model_id: str = "") -> list[FrameChunk]:
        chunks: list[FrameChunk] = []

        def keep(chunk: FrameChunk) -> bool:
            chunks.append(chunk)
            return True

        clip = self.engine.generate(request, model_id, on_frames=keep)
        assert clip == Clip(request.seed, request.frames, model_id or "m", "r2")
        return chunks

    def refusal(self, request: VideoRequest = REQUEST) -> EngineError:
        with pytest.raises(EngineError) as refused:
            self.draw(request)
        return refused.value


def test_every_frame_leaves_once_and_in_order() -> None:
    chunks = Bench().draw()
    assert [(chunk.first_index, len(chunk.pixels)) for chunk in chunks] == [(0, 4), (4, 4), (8, 2)]
    assert [int(frame[0, 0, 0]) for chunk in chunks for frame in chunk.pixels] == list(range(10))


def test_steps_are_reported_and_previews_are_drawn_when_requested() -> None:
    told: list[tuple[int, int, int]] = []

    def on_step(report: StepReport) -> bool:
        told.append((report.step, report.steps, int(report.preview()[0, 0, 0]) if report.preview else -1))
        return True

    Bench().engine.generate(REQUEST, on_step=on_step, on_frames=lambda _: True)
    assert told == [(0, 3, -1), (1, 3, 1), (2, 3, 2), (3, 3, 3)]


@pytest.mark.parametrize("stop_at", [0, 1, 3])
def test_a_stop_is_obeyed_before_another_step(stop_at: int) -> None:
    bench = Bench()
    with pytest.raises(CanceledError):
        bench.engine.generate(REQUEST, on_step=lambda report: report.step < stop_at, on_frames=lambda _: True)
    assert (bench.run, bench.decoded) == (stop_at, [])


def test_a_stop_is_obeyed_before_more_frames_are_decoded() -> None:
    bench = Bench()
    with pytest.raises(CanceledError, match="frame 8 of 10"):
        bench.engine.generate(REQUEST, on_frames=lambda chunk: chunk.first_index < 4)
    assert bench.decoded == [4, 4]
    assert len(bench.draw()) == 3


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_frames_are_decoded_as_many_at_once_as_memory_allows(frames: int) -> None:
    tight = replace(FACTS, decoder_channels=(160, 320, 320, 320))  # so that decoding needs more than denoising
    bench = Bench(WEIGHTS + decoding_bytes(tight, REQUEST, frames) + 1, facts=tight)
    assert len(bench.draw()[0].pixels) == frames


def test_what_cannot_fit_is_refused_before_the_model_is_loaded() -> None:
    bench = Bench(WEIGHTS + NEEDED - 1)
    told = bench.refusal()
    assert (told.reason, bench.loops) == ("CLIP_TOO_LARGE", [])
    assert bench.heard == ["m LOADING", "m UNLOADED"]
    bench.free_bytes += 1
    assert bench.draw()


def test_a_huge_clip_is_refused_with_the_memory_that_it_needs() -> None:
    bench = Bench(2 * 2**30)
    told = bench.refusal(replace(REQUEST, frames=10_000, width_px=1024, height_px=1024))
    assert told.reason == "CLIP_TOO_LARGE"
    assert told.message.startswith("a clip of 10000 frames of 1024 × 1024 px needs about ")
    assert told.message.endswith(" GiB, 2.0 GiB are free")
    assert bench.loops == []


def test_a_model_that_is_loaded_already_refuses_too_and_stays() -> None:
    bench = Bench()
    bench.engine.load("m")
    bench.free_bytes = NEEDED - 1
    assert bench.refusal().reason == "CLIP_TOO_LARGE"
    assert (bench.run, bench.engine.status("m").state) == (0, "READY")


@pytest.mark.parametrize("is_loaded", [True, False])
def test_idle_models_are_dropped_when_a_clip_needs_their_room_and_only_then(is_loaded: bool) -> None:
    bench = Bench(2 * WEIGHTS + NEEDED)
    bench.engine.load("n")
    if is_loaded:
        bench.engine.load("m")
    bench.draw()
    assert bench.engine.status("n").state == "READY"
    if not is_loaded:
        bench.engine.unload("m")
    bench.free_bytes -= 1
    bench.draw()
    assert bench.engine.status("n").state == "UNLOADED"
    assert bench.engine.status("m").state == "READY"


def test_nothing_is_dropped_for_a_clip_that_cannot_fit_even_so() -> None:
    bench = Bench(WEIGHTS + NEEDED)
    bench.engine.load("n")
    bench.free_bytes = NEEDED - 1
    assert bench.refusal().reason == "CLIP_TOO_LARGE"
    assert bench.engine.status("n").state == "READY"


def test_when_memory_ends_all_the_same_every_model_is_dropped_and_the_engine_lives_on() -> None:
    bench = Bench(fails_at=2)
    assert bench.refusal().reason == "OUT_OF_MEMORY"
    assert bench.loops[0].is_closed
    assert bench.draw()


def test_a_clip_that_the_model_cannot_draw_is_refused_before_anything_is_looked_at() -> None:
    bench = Bench()
    assert bench.refusal(replace(REQUEST, frames=10_001)).reason == "INVALID_FRAMES"
    assert bench.refusal(replace(REQUEST, width_px=72)).reason == "INVALID_SIZE"
    assert bench.heard == []


def test_warming_up_draws_one_step_of_the_models_own_clip() -> None:
    bench = Bench()
    assert bench.engine.warm_up().state == "READY"
    assert (bench.run, bench.decoded) == (1, [4])


def test_there_is_a_status_of_every_model() -> None:
    bench = Bench()
    bench.engine.load("m")
    assert [(s.model_id, s.state) for s in bench.engine.statuses()] == [("m", "READY"), ("n", "UNLOADED")]
    bench.engine.close()
    assert bench.loops[0].is_closed


def test_chunks_and_clips_travel_between_processes() -> None:
    chunk = Bench().draw()[2]
    again = pickle.loads(pickle.dumps(chunk))  # noqa: S301
    assert (again.first_index, again.pixels.tolist()) == (8, chunk.pixels.tolist())
    clip = Clip(7, 10, "m", "r2")
    assert pickle.loads(pickle.dumps(clip)) == clip  # noqa: S301
