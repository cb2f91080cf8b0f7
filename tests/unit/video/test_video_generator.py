"""From frames, as an engine gives them, to stored files, or to the right kind of failure."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.context import Context

from atelier.storage.v1 import storage_pb2
from atelier_artifacts.adapters.storage import Upload
from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_diffusion.engine.model_store import ModelState, ModelStatus
from atelier_diffusion.engine.results import Clip, FrameChunk
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.request import VideoRequest
from atelier_diffusion.remote.messages import StepDone
from atelier_drawing.domain.result import result_from
from atelier_drawing.worker.handler import Output
from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt, InfrastructureFault, JobFault, Stopped, StopReason
from atelier_media.clip_reader import ClipReader
from atelier_media.errors import ClipWriteError
from atelier_service.errors import AtelierError, InvalidArgumentError, NotFoundError, UnavailableError
from atelier_video.domain.video import VideoFile
from atelier_video.worker.video_generator import VideoGenerator
from tests.support.wait import eventually
from tests.unit.jobs.attempts import Reports
from tests.unit.media.moving_picture import moving_frame, read_index
from tests.unit.storage.pictures import png
from tests.unit.video.clip_job import PARAMETERS, RUNNING

FORTY = replace(PARAMETERS, request=replace(PARAMETERS.request, frames=40))
SHORT = replace(PARAMETERS, request=replace(PARAMETERS.request, frames=32))
JOB = replace(RUNNING, spec=FORTY.to_bytes())
CHUNK = 4
AWAY = UnavailableError("STORAGE_UNAVAILABLE", "away")


class PaperEngine:
    """Frames of `moving_frame`, four at a time; before chunk number `pause_at` it waits for `go_on`."""

    def __init__(self, pause_at: int | None = None) -> None:
        self.statuses = (ModelStatus("demo-clips", ModelState.READY, "r1", 100),)
        self.go_on = asyncio.Event()
        self.given = 0
        self.first_frame: np.ndarray[Any, Any] | None = None
        self._pause_at = pause_at

    async def generate_clip(
        self,
        request: VideoRequest,
        model_id: str,
        *,
        on_frames: Callable[[FrameChunk], Awaitable[None]],
        on_step: Callable[[StepDone], None],
    ) -> tuple[Clip, float]:
        self.first_frame = request.first_frame
        for step in range(request.steps + 1):
            on_step(StepDone(1, step, request.steps, 0, step * 10**9, (step + 1) * 10**9, b""))
        for first in range(0, request.frames, CHUNK):
            if self.given == self._pause_at:
                await self.go_on.wait()
            indices = range(first, min(first + CHUNK, request.frames))
            pixels = np.stack([moving_frame(index, request.width_px, request.height_px) for index in indices])
            await on_frames(FrameChunk(first, pixels))
            self.given += 1
        return Clip(request.seed, request.frames, model_id, "r1"), 0.1


class Shelf:
    """Storage that fails as it is told, and then takes everything, as it is at that time."""

    def __init__(self, *failures: AtelierError) -> None:
        self.failures = list(failures)
        self.uploads: dict[str, Upload] = {}
        self.content: dict[str, bytes] = {}
        self.pictures = {"picture": png(96, 64, "red")}

    async def store(self, upload: Upload, token: str) -> storage_pb2.Asset:
        if self.failures:
            raise self.failures.pop(0)
        name = upload.write_once_key.rpartition("/")[2]
        data = upload.content if isinstance(upload.content, bytes) else upload.content.read_bytes()
        self.uploads[name], self.content[name] = upload, data
        return storage_pb2.Asset(
            id=name, content_type=upload.content_type, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
            width_px=96, height_px=64,
        )  # fmt: skip

    async def read(self, asset_id: str, token: str) -> bytes:
        if asset_id not in self.pictures:
            raise NotFoundError("ASSET_NOT_FOUND", "there is no such asset")
        return self.pictures[asset_id]


class Kept:
    """Where partial results go; `mine` says whether the job is still the attempt's."""

    def __init__(self, *, mine: bool = True) -> None:
        self.frame_counts: list[int] = []
        self._mine = mine

    async def write(self, partial: bytes) -> bool:
        self.frame_counts.append(sum(file.frame_count for file in result_from(partial, VideoFile).outputs))
        return self._mine


def an_attempt(job: Job = JOB, reports: Reports | None = None, kept: Kept | None = None) -> Attempt:
    reporter: Any = reports or Reports()
    return Attempt(job, reporter, Context(), (kept or Kept()).write)


async def made(
    folder: Path,
    shelf: Shelf,
    engine: PaperEngine | None = None,
    attempt: Attempt | None = None,
    patience_s: float = 60,
) -> Output:
    attempt = attempt or an_attempt()
    return await VideoGenerator(engine or PaperEngine(), AssetFiles(shelf, patience_s), folder).generate(
        attempt.job, attempt
    )


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def outputs(done: Output) -> list[VideoFile]:
    return [file for file in done.files if isinstance(file, VideoFile)]


async def test_frames_become_the_files_of_a_video(tmp_path: Path) -> None:
    shelf, reports = Shelf(), Reports()
    done = await made(tmp_path, shelf, attempt=an_attempt(reports=reports))
    assert {(file.role, file.first_frame, file.frame_count) for file in outputs(done)} == {
        ("CLIP", 0, 40), ("POSTER", 0, 1), ("CONTACT_SHEET", 0, 1),
        ("FRAMES", 0, 16), ("FRAMES", 16, 16), ("FRAMES", 32, 8),
    }  # fmt: skip
    (clip,) = (file for file in outputs(done) if file.role == "CLIP")
    assert (clip.content_type, clip.duration_s, clip.asset_id) == ("video/mp4", 5.0, "clip")
    (tmp_path / "copy").write_bytes(shelf.content["clip"])
    with ClipReader(tmp_path / "copy") as reader:
        assert [read_index(frame) for frame in reader.frames()] == list(range(40))
        assert reader.info.parameters == FORTY.drawn() | {"model_revision": "r1"}
    assert reports.steps == [*range(4 + 1), *range(1, 40 + 1)]
    assert reports.stages == ["denoising"] * 5 + ["encoding"] * 40


async def test_each_file_is_stored_once_for_its_job_and_epoch(tmp_path: Path) -> None:
    shelf = Shelf()
    await made(tmp_path, shelf)
    assert {upload.write_once_key for upload in shelf.uploads.values()} == {
        f"video/0197/4/{name}"
        for name in ("clip", "poster", "contact-sheet", "frames-0", "frames-16", "frames-32")
    }  # fmt: skip
    upload = shelf.uploads["contact-sheet"]
    assert (upload.job_id, upload.epoch, upload.filename) == ("0197", 4, "0197-contact-sheet.jpeg")


async def test_the_frames_so_far_are_stored_while_the_clip_grows(tmp_path: Path) -> None:
    kept, engine, shelf = Kept(), PaperEngine(pause_at=9), Shelf()
    making = asyncio.create_task(made(tmp_path, shelf, engine, an_attempt(kept=kept)))
    await eventually(lambda: engine.given == 9)
    assert kept.frame_counts == [16, 32]
    assert set(shelf.content) == {"frames-0", "frames-16"}
    engine.go_on.set()
    await making
    assert kept.frame_counts == [16, 32]  # what comes last goes to storage with the clip


async def test_the_last_part_is_not_stored_before_the_end(tmp_path: Path) -> None:
    kept = Kept()
    done = await made(tmp_path, Shelf(), attempt=an_attempt(replace(RUNNING, spec=SHORT.to_bytes()), kept=kept))
    assert kept.frame_counts == [16]
    assert {file.first_frame for file in outputs(done) if file.role == "FRAMES"} == {0, 16}


async def test_a_finished_clip_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    await made(tmp_path, Shelf())
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("chunks", [0, 1, 6])
async def test_a_clip_that_is_stopped_leaves_nothing_on_the_disk(tmp_path: Path, chunks: int) -> None:
    engine, attempt, shelf = PaperEngine(pause_at=chunks), an_attempt(), Shelf()
    making = asyncio.create_task(made(tmp_path, shelf, engine, attempt))
    await eventually(lambda: engine.given == chunks)
    attempt.stop(StopReason.CANCELED)
    with pytest.raises(Stopped):
        await making
    assert left_in(tmp_path) == []
    assert "clip" not in shelf.content


async def test_a_process_that_ends_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    engine = PaperEngine(pause_at=6)
    making = asyncio.create_task(made(tmp_path, Shelf(), engine))
    await eventually(lambda: engine.given == 6)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert left_in(tmp_path) == []


async def test_who_has_lost_the_job_stops_at_the_next_file_of_frames(tmp_path: Path) -> None:
    shelf = Shelf()
    with pytest.raises(Stopped):
        await made(tmp_path, shelf, attempt=an_attempt(kept=Kept(mine=False)))
    assert set(shelf.content) == {"frames-0"}
    assert left_in(tmp_path) == []


async def test_a_disk_that_takes_nothing_may_take_it_later(tmp_path: Path) -> None:
    with pytest.raises(JobFault) as caught:
        await made(tmp_path / "gone", Shelf())
    assert (caught.value.reason, caught.value.retryable) == ("ENCODING_FAILED", True)
    assert str(tmp_path) not in caught.value.message


async def test_what_cannot_be_encoded_is_not_tried_again(tmp_path: Path) -> None:
    odd = replace(RUNNING, spec=replace(FORTY, request=replace(FORTY.request, width_px=95)).to_bytes())
    with pytest.raises(JobFault) as caught:
        await made(tmp_path, Shelf(), attempt=an_attempt(odd))
    assert (caught.value.reason, caught.value.retryable) == ("INVALID_SIZE", False)
    assert isinstance(caught.value.__cause__, ClipWriteError)
    assert left_in(tmp_path) == []


async def test_while_storage_is_unavailable_the_clip_waits(tmp_path: Path) -> None:
    shelf = Shelf(AWAY)
    await made(tmp_path, shelf)
    assert len(shelf.content) == 6


async def test_when_storage_stays_unavailable_the_job_is_released(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureFault):
        await made(tmp_path, Shelf(*[AWAY] * 100), patience_s=0.5)
    assert left_in(tmp_path) == []


async def test_what_storage_refuses_for_good_fails_the_clip(tmp_path: Path) -> None:
    with pytest.raises(JobFault) as caught:
        await made(tmp_path, Shelf(InvalidArgumentError("TOO_MANY_PIXELS", "too many pixels")))
    assert (caught.value.reason, caught.value.retryable) == ("TOO_MANY_PIXELS", False)


async def test_a_fault_of_the_engine_is_passed_on(tmp_path: Path) -> None:
    class Broken(PaperEngine):
        async def generate_clip(self, *_: Any, **__: Any) -> tuple[Clip, float]:
            raise EngineError("OUT_OF_MEMORY", "needs about 9 GiB, 3 are free")

    with pytest.raises(EngineError, match="9 GiB"):
        await made(tmp_path, Shelf(), Broken())


async def test_the_engine_is_given_the_first_frame(tmp_path: Path) -> None:
    engine = PaperEngine()
    job = replace(RUNNING, spec=replace(FORTY, first_frame_asset_id="picture").to_bytes())
    await made(tmp_path, Shelf(), engine, an_attempt(job))
    assert engine.first_frame is not None
    assert engine.first_frame[32, 48].tolist() == [255, 0, 0]


async def test_a_first_frame_that_was_removed_meanwhile_fails_the_clip(tmp_path: Path) -> None:
    job = replace(RUNNING, spec=replace(FORTY, first_frame_asset_id="removed").to_bytes())
    with pytest.raises(JobFault) as caught:
        await made(tmp_path, Shelf(), attempt=an_attempt(job))
    assert (caught.value.reason, caught.value.retryable) == ("ASSET_NOT_FOUND", False)
