"""Routes as the contract's annotations tell them."""

import pytest
from google.protobuf.message import Message

from atelier.auth.v1 import auth_pb2
from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from atelier.storage.v1 import storage_pb2
from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2
from atelier_client.errors import AtelierApiError
from atelier_client.route import Route


def _route(service: str, method: str) -> Route:
    for file in (image_pb2.DESCRIPTOR, auth_pb2.DESCRIPTOR, storage_pb2.DESCRIPTOR, video_pb2.DESCRIPTOR):
        if service in file.services_by_name:
            return Route.of(file.services_by_name[service].methods_by_name[method])
    raise LookupError(service)


@pytest.mark.parametrize(
    ("service", "method", "request_", "verb", "path", "query", "body"),
    [
        (
            "ImageService",
            "GenerateImage",
            image_pb2.GenerateImageRequest(parameters=image_pb2.GenerationParameters(prompt="x", seed=0)),
            "POST",
            "/api/v1/images/generate",
            (),
            {"prompt": "x", "seed": 0},
        ),
        (
            "ImageService",
            "ListImages",
            image_pb2.ListImagesRequest(page_size=5, state=job_pb2.SUCCEEDED),
            "GET",
            "/api/v1/images",
            (("page_size", "5"), ("state", "SUCCEEDED")),
            None,
        ),
        (
            "ImageService",
            "GetImageContent",
            image_pb2.GetImageContentRequest(id="a/b?c", index=2),
            "GET",
            "/api/v1/images/a%2Fb%3Fc/content",
            (("index", "2"),),
            None,
        ),
        (
            "ImageService",
            "CancelImage",
            image_pb2.CancelImageRequest(id="i"),
            "POST",
            "/api/v1/images/i/cancel",
            (),
            {},
        ),
        (
            "VideoService",
            "GetVideoFrame",
            video_pb2.GetVideoFrameRequest(id="v", index=0, format=type_pb2.WEBP),
            "GET",
            "/api/v1/videos/v/frames/0",
            (("format", "WEBP"),),
            None,
        ),
        (
            "StorageService",
            "CreateAsset",
            storage_pb2.CreateAssetRequest(filename="ä.png"),
            "POST",
            "/api/v1/assets",
            (("filename", "ä.png"),),
            {},
        ),
    ],
)
def test_a_call_becomes_the_request_of_its_annotation(
    service: str,
    method: str,
    request_: Message,
    verb: str,
    path: str,
    query: tuple[tuple[str, str], ...],
    body: object,
) -> None:
    rendered = _route(service, method).render(request_)
    assert (rendered.verb, rendered.path, rendered.query, rendered.body) == (verb, path, query, body)


@pytest.mark.parametrize("image_id", ["", ".", ".."])
def test_an_id_that_would_name_another_path_is_refused(image_id: str) -> None:
    with pytest.raises(AtelierApiError, match="id") as caught:
        _route("ImageService", "DeleteImage").render(image_pb2.DeleteImageRequest(id=image_id))
    assert caught.value.code == "INVALID_ARGUMENT"
    assert "id" in caught.value.fields


def test_an_internal_call_has_no_route() -> None:
    with pytest.raises(TypeError, match="not reachable over REST"):
        _route("AuthService", "CreateServiceToken")
