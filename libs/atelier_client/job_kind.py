"""What the contract lets us ask about jobs of one kind, the same for every kind."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.empty_pb2 import Empty

from atelier.events.v1.events_pb2 import Event
from atelier.image.v1.image_pb2 import Image
from atelier.video.v1.video_pb2 import Video
from atelier_client.rpc import Rpc

M = TypeVar("M", bound=Image | Video)


@dataclass(frozen=True)
class JobKind(Generic[M]):
    """The RPCs of one kind. Requests about one job have an `id`; that of `watch` has `after_seq` too.

    Attributes:
        listed: the jobs on a page that `list` answered.
    """

    submit: Rpc[Any, M]
    list: Rpc[Any, Any]
    listed: Callable[[Any], Iterable[M]]
    get: Rpc[Any, M]
    cancel: Rpc[Any, M]
    delete: Rpc[Any, Empty]
    watch: Rpc[Any, Event]

    @property
    def noun(self) -> str:
        """`image` or `video`."""
        return self.get.response_type.DESCRIPTOR.name.lower()
