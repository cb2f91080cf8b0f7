"""The image service and its worker with all that they need: real auth, storage, S3 and NATS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pydantic import SecretStr

from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.jobs.v1 import job_pb2
from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier_image.main import serve as serve_image
from atelier_image.settings import ImageSettings, ImageWorkerSettings
from atelier_image.worker_main import serve as serve_worker
from atelier_jobs.testing.nats import NatsServer
from atelier_service.credentials import jwks_from
from atelier_service.testing.s3 import S3Server, free_ports
from atelier_service.testing.wait import eventually
from atelier_storage.main import serve as serve_storage
from atelier_storage.settings import StorageSettings
from tests.service.auth.running_auth import SHARED_SECRET, RunningAuth, auth_settings, new_dev_key, running_auth
from tests.service.image.part import Part

ENDED = (job_pb2.SUCCEEDED, job_pb2.FAILED, job_pb2.CANCELED)
# Small and quick: the demo model draws it in a fraction of a second.
SMALL: dict[str, Any] = {"prompt": "a red circle on a blue background", "width_px": 64, "height_px": 64, "steps": 2}
# So many steps that a test has the time to do something meanwhile.
LONG: dict[str, Any] = SMALL | {"steps": 200, "count": 8}

Metadata = tuple[tuple[str, str], ...]


class Owner:
    """A caller of the image service."""

    def __init__(self, images: grpc.aio.Channel, storage: grpc.aio.Channel, metadata: Metadata) -> None:
        self.images: Any = image_pb2_grpc.ImageServiceStub(images)
        self.models: Any = image_pb2_grpc.ModelServiceStub(images)
        self.assets: Any = storage_pb2_grpc.StorageServiceStub(storage)
        self.metadata = metadata

    async def generate(self, *, request_id: str = "", headers: Metadata = (), **fields: Any) -> image_pb2.Image:
        request = image_pb2.GenerateImageRequest(
            parameters=image_pb2.GenerationParameters(**fields), request_id=request_id
        )
        answer: image_pb2.Image = await self.images.GenerateImage(request, metadata=(*self.metadata, *headers))
        return answer

    async def again(self, image: image_pb2.Image) -> image_pb2.Image:
        """Sends the echo of an image."""
        request = image_pb2.GenerateImageRequest(parameters=image.parameters)
        answer: image_pb2.Image = await self.images.GenerateImage(request, metadata=self.metadata)
        return answer

    async def update(self, image_id: str, **fields: Any) -> image_pb2.Image:
        request = image_pb2.UpdateImageRequest(id=image_id, parameters=image_pb2.GenerationParameters(**fields))
        answer: image_pb2.Image = await self.images.UpdateImage(request, metadata=self.metadata)
        return answer

    async def get(self, image_id: str) -> image_pb2.Image:
        request = image_pb2.GetImageRequest(id=image_id)
        answer: image_pb2.Image = await self.images.GetImage(request, metadata=self.metadata)
        return answer

    async def page(self, **fields: Any) -> image_pb2.ListImagesResponse:
        request = image_pb2.ListImagesRequest(**fields)
        answer: image_pb2.ListImagesResponse = await self.images.ListImages(request, metadata=self.metadata)
        return answer

    async def cancel(self, image_id: str) -> image_pb2.Image:
        request = image_pb2.CancelImageRequest(id=image_id)
        answer: image_pb2.Image = await self.images.CancelImage(request, metadata=self.metadata)
        return answer

    async def delete(self, image_id: str) -> None:
        await self.images.DeleteImage(image_pb2.DeleteImageRequest(id=image_id), metadata=self.metadata)

    async def watch(self, image_id: str, after_seq: int | None = None) -> list[events_pb2.Event]:
        """Every event to the end of the stream."""
        request = image_pb2.WatchImageRequest(id=image_id, after_seq=after_seq)
        return [event async for event in self.images.WatchImage(request, metadata=self.metadata, timeout=60)]

    async def made(self, image_id: str) -> image_pb2.Image:
        """The image when it has ended."""
        await self.watch(image_id)
        return await self.get(image_id)

    async def running(self, image_id: str) -> image_pb2.Image:
        """The image when the worker has made a step."""

        async def steps() -> image_pb2.Image | None:
            request = image_pb2.WatchImageRequest(id=image_id)
            async for event in self.images.WatchImage(request, metadata=self.metadata, timeout=60):
                if event.generation_progress.progress.step:
                    return await self.get(image_id)
            return None

        image = await steps()
        assert image is not None, "it ended before anybody saw a step"
        return image

    async def content(self, image_id: str, index: int = 0, **headers: str) -> tuple[bytes, dict[str, Any]]:
        """The bytes, and the headers that came with them."""
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        request = image_pb2.GetImageContentRequest(id=image_id, index=index)
        call = self.images.GetImageContent(request, metadata=(*self.metadata, *more), timeout=20)
        chunks = [body async for body in call]
        return b"".join(body.data for body in chunks), {
            **dict(await call.initial_metadata()),
            "type": chunks[0].content_type,
        }

    async def asset_ids(self) -> set[str]:
        """Every file that this caller has in storage."""
        answer = await self.assets.ListAssets(storage_pb2.ListAssetsRequest(), metadata=self.metadata)
        return {asset.id for asset in answer.assets}


class ImageMesh:
    """Its parts; `worker` is not started yet."""

    def __init__(
        self,
        auth: RunningAuth,
        nats: NatsServer,
        image: Part[Any],
        worker: Part[Any],
        storage: Part[Any],
        storage_address: str,
        images_channel: grpc.aio.Channel,
        storage_channel: grpc.aio.Channel,
    ) -> None:
        self.auth = auth
        self.nats = nats
        self.image = image
        self.worker = worker
        self.storage = storage
        self.storage_address = storage_address
        self._images_channel = images_channel
        self._storage_channel = storage_channel

    async def owner(self, name: str = "ada") -> Owner:
        return Owner(self._images_channel, self._storage_channel, await self.auth.as_user(name))

    async def admin(self) -> Owner:
        return Owner(self._images_channel, self._storage_channel, await self.auth.as_dev())

    async def settled(self, owner: Owner, *images: image_pb2.Image) -> None:
        """Waits until the owner has exactly the files of these images."""
        wanted = {output.asset_id for image in images for output in image.outputs}

        async def only_those() -> bool:
            return await owner.asset_ids() == wanted

        await eventually(only_those, timeout_s=20, what="only the files that images refer to")


@asynccontextmanager
async def image_mesh(
    s3: S3Server,
    nats: NatsServer,
    folder: Path,
    *,
    image_settings: dict[str, Any] | None = None,
    worker_settings: dict[str, Any] | None = None,
) -> AsyncIterator[ImageMesh]:
    """Everything but the worker, which the test starts."""
    image_port, storage_port = free_ports(2)
    auth_settings_ = auth_settings(folder, new_dev_key()).model_copy(update={"service_secrets": {}})
    async with running_auth(auth_settings_) as auth:
        storage_settings = StorageSettings(
            listen=f"127.0.0.1:{storage_port}",
            auth_address=auth.address,
            database_url=f"sqlite:///{folder / 'storage.db'}",
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=SecretStr(s3.secret_key),
            s3_bucket=s3.new_bucket(),
            spool_dir=folder / "spool",
            shutdown_grace_s=0.2,
        )
        common: dict[str, Any] = {
            "auth_address": auth.address,
            "storage_address": f"127.0.0.1:{storage_port}",
            "nats_url": nats.url,
            "database_url": f"sqlite:///{folder / 'image.db'}",
            "service_secret": SecretStr(SHARED_SECRET),
            "shutdown_grace_s": 0.2,
        }
        api = ImageSettings(**common | {"listen": f"127.0.0.1:{image_port}"} | (image_settings or {}))
        work: dict[str, Any] = {
            "listen": "127.0.0.1:0", "worker_id": "worker-1", "report_s": 0.5, "lease_s": 3.0, "job_grace_s": 0.1,
        }  # fmt: skip
        worker = ImageWorkerSettings(**common | work | (worker_settings or {}))
        jwks = jwks_from(auth.address)
        parts = (
            Part(lambda: serve_storage(storage_settings, jwks)),
            Part(lambda: serve_image(api, jwks)),
            Part(lambda: serve_worker(worker, jwks)),
        )
        storage_part, image_part, worker_part = parts
        try:
            await storage_part.start()
            await image_part.start()
            async with (
                grpc.aio.insecure_channel(f"127.0.0.1:{image_port}") as images,
                grpc.aio.insecure_channel(f"127.0.0.1:{storage_port}") as storage,
            ):
                yield ImageMesh(
                    auth, nats, image_part, worker_part, storage_part, storage_settings.listen, images, storage
                )
        finally:
            for part in reversed(parts):
                await part.stop()


def refusal(error: grpc.aio.AioRpcError) -> tuple[str, str, list[str]]:
    """Code, reason and fields of an error."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return error.code().name, info.reason, [violation.field for violation in bad.field_violations]
