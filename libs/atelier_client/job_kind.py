"""The RPCs that every kind of job has."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.empty_pb2 import Empty

from atelier.events.v1.events_pb2 import Event
from atelier.image.v1.image_pb2 import Image
from atelier.jobs.v1.job_service_pb2 import Job
from atelier.video.v1.video_pb2 import Video
from atelier.workflow.v1.execution_pb2 import Execution
from atelier_client.rpc import Rpc

M = TypeVar("M", bound=Image | Video | Execution | Job)


@dataclass(frozen=True)
class JobKind(Generic[M]):
    """The RPCs of one kind, or of jobs of all kinds. Requests about one job have an `id`; that of `watch` has
    `after_seq` too.

    Attributes:
        listed: The jobs on a page that `list` returned.
    """

    list: Rpc[Any, Any]
    listed: Callable[[Any], Iterable[M]]
    get: Rpc[Any, M]
    cancel: Rpc[Any, M]
    delete: Rpc[Any, Empty]
    watch: Rpc[Any, Event]

    @property
    def noun(self) -> str:
        """`image`, `video`, `execution` or `job`."""
        return self.get.response_type.DESCRIPTOR.name.lower()
