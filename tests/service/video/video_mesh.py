"""The video service and its worker with all that they need."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar

import grpc.aio

from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_video.main import serve as serve_video
from atelier_video.schemas import SCHEMAS
from atelier_video.settings import VideoSettings, VideoWorkerSettings
from atelier_video.worker_main import serve as serve_worker
from tests.service import owner
from tests.service.drawing_mesh import DrawingMesh, drawing_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server
from tests.support.wait import eventually

DEMO, ENDLESS, PAINTER = "demo-video", "demo-endless", "demo-painter"
# Over the shipped catalogue: the demo model for more frames than it was trained for, and under the name of one that
# goes on from a picture (which it would not; but requests are looked at before).
_CATALOGUE = f"""
models:
  {ENDLESS}: {{kind: video, source: "path:models/demo-video", preview: pixel_shuffle, max_frames: 256}}
  {PAINTER}: {{kind: video, source: "path:models/demo-video", takes_first_frame: true}}
"""

# Small and quick: the demo model draws it in a second.
SMALL: dict[str, Any] = {
    "prompt": "a red circle moving right", "width_px": 64, "height_px": 64, "frames": 4, "steps": 2,
}  # fmt: skip
# So many steps that a test has the time to do something meanwhile.
LONG: dict[str, Any] = SMALL | {"steps": 200}
# So many frames that their files appear one after the other while a test looks.
ENDLESS_CLIP: dict[str, Any] = SMALL | {"model": ENDLESS, "frames": 128, "steps": 1}


class Owner(owner.Owner[video_pb2.Video]):
    """A caller of the video service."""

    messages: ClassVar[Any] = video_pb2
    parameters: ClassVar[Any] = video_pb2.VideoParameters
    noun = "Video"
    model_messages: ClassVar[Any] = video_pb2
    model_noun = "VideoModel"

    def __init__(self, service: grpc.aio.Channel, storage: grpc.aio.Channel, metadata: owner.Metadata) -> None:
        videos, models = video_pb2_grpc.VideoServiceStub(service), video_pb2_grpc.VideoModelServiceStub(service)
        super().__init__(videos, models, storage, metadata)

    async def content(self, video_id: str, role: str = "", **headers: str) -> tuple[bytes, dict[str, Any]]:
        """The bytes of one of its files, and the headers that came with them."""
        return await self.bytes_of("GetVideoContent", headers, id=video_id, role=role or None)

    async def frames(self, video_id: str, **fields: Any) -> video_pb2.ListVideoFramesResponse:
        answer: video_pb2.ListVideoFramesResponse = await self.call("List", plural="Frames", id=video_id, **fields)
        return answer

    async def frame(
        self, video_id: str, index: int, picture_format: str = "PNG", width_px: int | None = None, **headers: str
    ) -> tuple[bytes, dict[str, Any]]:
        """A frame as a picture, and the headers that came with it."""
        fields = {"id": video_id, "index": index, "format": picture_format, "width_px": width_px}
        return await self.bytes_of("GetVideoFrame", headers, **fields)

    async def with_frames(self, video_id: str) -> video_pb2.ListVideoFramesResponse:
        """The frames so far, once there are some."""

        async def some() -> video_pb2.ListVideoFramesResponse | None:
            frames = await self.frames(video_id)
            return frames if frames.frame_count else None

        frames = await eventually(some, timeout_s=60, what="frames")
        assert frames is not None
        return frames


VideoMesh = DrawingMesh[Owner]


def video_mesh(
    s3: S3Server,
    nats: NatsServer,
    folder: Path,
    *,
    api_settings: dict[str, Any] | None = None,
    worker_settings: dict[str, Any] | None = None,
) -> AbstractAsyncContextManager[VideoMesh]:
    """Everything but the worker, which the test starts; its clips grow in `folder`/clips."""
    (folder / "models.yaml").write_text(_CATALOGUE)
    models = {"models": f"models/catalogue.yaml:{folder / 'models.yaml'}"}
    work = {"scratch_dir": folder / "clips"} | (worker_settings or {})
    return drawing_mesh(
        s3,
        nats,
        folder,
        Owner,
        schemas=SCHEMAS,
        api=lambda common, jwks: serve_video(VideoSettings(**common | models | (api_settings or {})), jwks),
        worker=lambda common, jwks: serve_worker(VideoWorkerSettings(**common | models | work), jwks),
    )
