"""The blocking client, for programs without an event loop: the methods of `async_client.py`."""

from typing import Any, Self

from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_service_pb2
from atelier.video.v1 import video_pb2
from atelier.workflow.v1 import execution_pb2
from atelier_client.all_jobs import AnyJobRecord, AsyncAllJobs, AsyncAnyJob
from atelier_client.assets import AsyncAssets
from atelier_client.async_client import AsyncClient
from atelier_client.blocking import Facade, LoopThread, blocking, blocking_into, iterating, iterating_into, renewing
from atelier_client.execution import AsyncExecution, ExecutionRecord
from atelier_client.executions import AsyncExecutions
from atelier_client.image import AsyncImage, ImageRecord
from atelier_client.images import AsyncImages
from atelier_client.job import AsyncJob, JobRecord
from atelier_client.job_kind import M
from atelier_client.jobs import J
from atelier_client.keys import AsyncKeys
from atelier_client.retry import RetryPolicy
from atelier_client.transport import Transport
from atelier_client.video import AsyncVideo, VideoRecord
from atelier_client.videos import AsyncVideos
from atelier_client.workflows import AsyncWorkflows


class Job(JobRecord[M], Facade[J]):
    """A job of a `Client`. The object is immutable: methods that change the job return a new object."""

    def __init__(self, asynchronous: J, loop: LoopThread) -> None:
        JobRecord.__init__(self, asynchronous.message)
        Facade.__init__(self, asynchronous, loop)

    refresh = renewing(AsyncJob.refresh)
    wait = renewing(AsyncJob.wait)
    cancel = renewing(AsyncJob.cancel)
    watch = iterating(AsyncJob[Any].watch)
    delete = blocking(AsyncJob[Any].delete)


class Image(Job[image_pb2.Image, AsyncImage], ImageRecord):
    """An image of a `Client`."""

    content = blocking(AsyncImage.content)
    url = blocking(AsyncImage.url)
    save = blocking(AsyncImage.save)
    save_all = blocking(AsyncImage.save_all)
    latent = blocking(AsyncImage.latent)
    save_latent = blocking(AsyncImage.save_latent)
    save_latents = blocking(AsyncImage.save_latents)


class Video(Job[video_pb2.Video, AsyncVideo], VideoRecord):
    """A video of a `Client`."""

    content = blocking(AsyncVideo.content)
    url = blocking(AsyncVideo.url)
    poster = blocking(AsyncVideo.poster)
    contact_sheet = blocking(AsyncVideo.contact_sheet)
    save = blocking(AsyncVideo.save)
    frames = iterating(AsyncVideo.frames)
    frame = blocking(AsyncVideo.frame)
    save_frame = blocking(AsyncVideo.save_frame)


class Execution(Job[execution_pb2.Execution, AsyncExecution], ExecutionRecord):
    """An execution of a `Client`."""

    content = blocking(AsyncExecution.content)
    save_all = blocking(AsyncExecution.save_all)


class AnyJob(Job[job_service_pb2.Job, AsyncAnyJob], AnyJobRecord):
    """A job of any kind of a `Client`."""


class Images(Facade[AsyncImages]):
    """`client.images`."""

    list = iterating_into(AsyncImages.list, Image)
    get = blocking_into(AsyncImages.get, Image)
    update = blocking_into(AsyncImages.update, Image)
    cancel = blocking_into(AsyncImages.cancel, Image)
    delete = blocking(AsyncImages.delete)
    watch = iterating(AsyncImages.watch)


class Videos(Facade[AsyncVideos]):
    """`client.videos`."""

    list = iterating_into(AsyncVideos.list, Video)
    get = blocking_into(AsyncVideos.get, Video)
    cancel = blocking_into(AsyncVideos.cancel, Video)
    delete = blocking(AsyncVideos.delete)
    watch = iterating(AsyncVideos.watch)


class Executions(Facade[AsyncExecutions]):
    """`client.executions`."""

    run = blocking_into(AsyncExecutions.run, Execution)
    execute = blocking_into(AsyncExecutions.execute, Execution)
    list = iterating_into(AsyncExecutions.list, Execution)
    get = blocking_into(AsyncExecutions.get, Execution)
    cancel = blocking_into(AsyncExecutions.cancel, Execution)
    delete = blocking(AsyncExecutions.delete)
    watch = iterating(AsyncExecutions.watch)


class Workflows(Facade[AsyncWorkflows]):
    """`client.workflows`."""

    create = blocking(AsyncWorkflows.create)
    update = blocking(AsyncWorkflows.update)
    list = iterating(AsyncWorkflows.list)
    get = blocking(AsyncWorkflows.get)
    delete = blocking(AsyncWorkflows.delete)
    publish = blocking(AsyncWorkflows.publish)
    templates = blocking(AsyncWorkflows.templates)
    nodes = blocking(AsyncWorkflows.nodes)
    node = blocking(AsyncWorkflows.node)


class AllJobs(Facade[AsyncAllJobs]):
    """`client.jobs`."""

    list = iterating_into(AsyncAllJobs.list, AnyJob)
    get = blocking_into(AsyncAllJobs.get, AnyJob)
    cancel = blocking_into(AsyncAllJobs.cancel, AnyJob)
    delete = blocking(AsyncAllJobs.delete)
    watch = iterating(AsyncAllJobs.watch)


class Keys(Facade[AsyncKeys]):
    """`client.keys`."""

    list = iterating(AsyncKeys.list)
    create = blocking(AsyncKeys.create)
    revoke = blocking(AsyncKeys.revoke)


class Assets(Facade[AsyncAssets]):
    """`client.assets`."""

    upload = blocking(AsyncAssets.upload)
    list = iterating(AsyncAssets.list)
    get = blocking(AsyncAssets.get)
    content = blocking(AsyncAssets.content)
    delete = blocking(AsyncAssets.delete)


class Client(Facade[AsyncClient]):
    """Pictures and clips from prompts.

        with Client() as client:
            image = client.generate("a red circle on a blue background", steps=20, seed=1)
            image.save("out.png")

    Safe to share between threads. Arguments, results and errors of its methods are those of `AsyncClient`.

    Args:
        url: REST base of the gateway; by default `ATELIER_URL`.
        api_key: By default `ATELIER_API_KEY`.
        retry: Which calls are repeated, how often and after which delays.

    Raises:
        AtelierApiError: By every method; so are its subclasses CannotReachError and JobFailedError.
        ValueError: By the constructor, when the API key contains characters that no header can carry.
    """

    def __init__(self, url: str | None = None, api_key: str | None = None, *, retry: RetryPolicy | None = None) -> None:
        self._start(AsyncClient(url, api_key, retry=retry))

    @classmethod
    def over_grpc(
        cls,
        address: str | None = None,
        api_key: str | None = None,
        *,
        tls: bool = False,
        retry: RetryPolicy | None = None,
    ) -> Self:
        """Returns a client over gRPC at `address` (`host:port`; by default `ATELIER_GRPC`), with TLS if `tls`."""
        return cls._of(AsyncClient.over_grpc(address, api_key, tls=tls, retry=retry))

    @classmethod
    def over(cls, transport: Transport, *, retry: RetryPolicy | None = None) -> Self:
        """Returns a client over `transport`, which the client closes when it is closed."""
        return cls._of(AsyncClient.over(transport, retry=retry))

    @classmethod
    def _of(cls, asynchronous: AsyncClient) -> Self:
        client = cls.__new__(cls)
        client._start(asynchronous)
        return client

    def _start(self, asynchronous: AsyncClient) -> None:
        Facade.__init__(self, asynchronous, LoopThread())
        self.images = Images(asynchronous.images, self._loop)
        self.videos = Videos(asynchronous.videos, self._loop)
        self.executions = Executions(asynchronous.executions, self._loop)
        self.workflows = Workflows(asynchronous.workflows, self._loop)
        self.jobs = AllJobs(asynchronous.jobs, self._loop)
        self.keys = Keys(asynchronous.keys, self._loop)
        self.assets = Assets(asynchronous.assets, self._loop)

    generate = blocking_into(AsyncClient.generate, Image)
    generate_video = blocking_into(AsyncClient.generate_video, Video)
    watch = iterating(AsyncClient.watch)
    events = iterating(AsyncClient.events)
    content = blocking(AsyncClient.content)
    cancel = blocking_into(AsyncClient.cancel, Image)
    models = iterating(AsyncClient.models)
    model = blocking(AsyncClient.model)
    load_model = blocking(AsyncClient.load_model)
    unload_model = blocking(AsyncClient.unload_model)
    video_models = iterating(AsyncClient.video_models)
    video_model = blocking(AsyncClient.video_model)
    load_video_model = blocking(AsyncClient.load_video_model)
    unload_video_model = blocking(AsyncClient.unload_video_model)
    upload = blocking(AsyncClient.upload)
    token = blocking(AsyncClient.token)
    status = blocking(AsyncClient.status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections and ends the thread. Idempotent."""
        self._loop.close(self._asynchronous.close)
