"""Signs the URLs in a record, for elements of web pages, which cannot send headers."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

import grpc.aio
from google.protobuf.message import Message

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier.type.v1 import access_pb2

_DEADLINE_S = 5.0
_AT_ONCE = 1000

RecordT = TypeVar("RecordT", bound=Message)


class _MaySign(Protocol):
    signed_urls: bool


class UrlSigner:
    """Signs the fields that the contract marks as `signable`, by calls of `auth`.

    `channel` leads to `auth` and carries the token of the caller being served.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = auth_pb2_grpc.AuthServiceStub(channel)

    async def signed(self, request: _MaySign, record: RecordT) -> RecordT:
        """Returns `record`, whose URLs are signed in place if `request.signed_urls`. Raises as `sign` does."""
        if request.signed_urls:
            await self.sign(record)
        return record

    async def sign(self, record: Message) -> None:
        """Replaces the URLs in the record, or in all records of a page, by signed ones.

        Raises:
            grpc.aio.AioRpcError: `auth` is unavailable or refuses.
        """
        places = list(_signable(record))
        for start in range(0, len(places), _AT_ONCE):
            some = places[start : start + _AT_ONCE]
            request = auth_pb2.CreateSignedUrlsRequest(urls=[getattr(message, name) for message, name in some])
            response = await self._stub.CreateSignedUrls(request, timeout=_DEADLINE_S)
            for (message, name), url in zip(some, response.urls, strict=True):
                setattr(message, name, url)


def _signable(message: Message) -> Iterator[tuple[Message, str]]:
    for field, value in message.ListFields():
        if field.GetOptions().Extensions[access_pb2.signable]:
            yield message, field.name
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for inner in value if field.is_repeated else (value,):
                yield from _signable(inner)
