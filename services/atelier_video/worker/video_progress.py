"""Progress of a video: its denoising steps, then the frames that are encoded."""

from atelier.video.v1 import video_pb2
from atelier_jobs.domain.progress import Progress
from atelier_jobs.wire.progress_messages import pack_detail

# The share of the work that is denoising: decoding and encoding a clip took a tenth of what all its steps took.
_DENOISING_SHARE = 0.9


class VideoStages:
    """Makes the progress of one video, of which the number of frames is known."""

    def __init__(self, frames: int) -> None:
        self._frames = frames

    def denoising(self, step: int, steps: int) -> Progress:
        """`step` of `steps` are done."""
        fraction = _DENOISING_SHARE * step / steps
        return Progress(
            stage="denoising", done=step, total=steps, unit="step", fraction=fraction,
            detail=self._detail(step, steps, 0, fraction),
        )  # fmt: skip

    def encoding(self, frame: int, steps: int) -> Progress:
        """All `steps` are done, and `frame` frames are encoded."""
        share = (1 - _DENOISING_SHARE) * frame / self._frames
        fraction = 1.0 if frame == self._frames else _DENOISING_SHARE + share
        return Progress(
            stage="encoding", done=frame, total=self._frames, unit="frame", fraction=fraction,
            detail=self._detail(steps, steps, frame, fraction),
        )  # fmt: skip

    def _detail(self, step: int, steps: int, frame: int, fraction: float) -> bytes:
        return pack_detail(
            video_pb2.VideoProgress(step=step, steps=steps, frame=frame, frames=self._frames, fraction=fraction)
        )
