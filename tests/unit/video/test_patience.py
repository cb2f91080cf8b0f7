"""How long a clip waits for storage."""

from typing import Any

from atelier.storage.v1 import storage_pb2
from atelier_generation.adapters.storage import Upload
from atelier_generation.worker.asset_files import AssetFiles
from atelier_service.errors import UnavailableError
from atelier_video.settings import VideoWorkerSettings
from tests.unit.generation.attempts import RUNNING, an_attempt


class Restarting:
    """Storage that is away at first."""

    def __init__(self, refusals: int) -> None:
        self._refusals = refusals

    async def store(self, upload: Upload) -> storage_pb2.Asset:
        if self._refusals:
            self._refusals -= 1
            raise UnavailableError("UPSTREAM_UNAVAILABLE", "away")
        return storage_pb2.Asset(id="a")

    async def read(self, owner: str, asset_id: str) -> bytes:
        raise AssertionError


async def test_a_clip_outlasts_more_refusals_than_a_picture_does() -> None:
    storage: Any = Restarting(refusals=4)
    files = AssetFiles(storage, VideoWorkerSettings().upload_attempts)
    asset = await files.store(RUNNING, an_attempt(), "clip", "mp4", "video/mp4", b"clip")
    assert asset.id == "a"
