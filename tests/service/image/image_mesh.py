"""The image service and its worker with all that they need."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar

import grpc.aio

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.models.v1 import model_service_pb2, model_service_pb2_grpc
from atelier_image.main import serve as serve_image
from atelier_image.schemas import SCHEMAS
from atelier_image.settings import ImageSettings, ImageWorkerSettings
from atelier_image.worker_main import serve as serve_worker
from tests.service import owner
from tests.service.drawing_mesh import DrawingMesh, drawing_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server

# Small and quick: the demo model draws it in a fraction of a second.
SMALL: dict[str, Any] = {"prompt": "a red circle on a blue background", "width_px": 64, "height_px": 64, "steps": 2}
# So many steps that a test has the time to do something meanwhile.
LONG: dict[str, Any] = SMALL | {"steps": 200, "count": 8}


class Owner(owner.Owner[image_pb2.Image]):
    """A caller of the image service."""

    messages: ClassVar[Any] = image_pb2
    parameters: ClassVar[Any] = image_pb2.GenerationParameters
    noun = "Image"
    model_messages: ClassVar[Any] = model_service_pb2
    model_noun = "Model"

    def __init__(self, service: grpc.aio.Channel, storage: grpc.aio.Channel, metadata: owner.Metadata) -> None:
        images, models = image_pb2_grpc.ImageServiceStub(service), model_service_pb2_grpc.ModelServiceStub(service)
        super().__init__(images, models, storage, metadata)

    async def update(self, image_id: str, **fields: Any) -> image_pb2.Image:
        answer: image_pb2.Image = await self.call("Update", id=image_id, parameters=self.parameters(**fields))
        return answer

    async def content(self, image_id: str, index: int = 0, **headers: str) -> tuple[bytes, dict[str, Any]]:
        """The bytes, and the headers that came with them."""
        return await self.bytes_of("GetImageContent", headers, id=image_id, index=index)


ImageMesh = DrawingMesh[Owner]


def image_mesh(
    s3: S3Server,
    nats: NatsServer,
    folder: Path,
    *,
    api_settings: dict[str, Any] | None = None,
    worker_settings: dict[str, Any] | None = None,
) -> AbstractAsyncContextManager[ImageMesh]:
    """Everything but the worker, which the test starts."""
    return drawing_mesh(
        s3,
        nats,
        folder,
        Owner,
        schemas=SCHEMAS,
        api=lambda common, jwks: serve_image(ImageSettings(**common | (api_settings or {})), jwks),
        worker=lambda common, jwks: serve_worker(ImageWorkerSettings(**common | (worker_settings or {})), jwks),
    )
