"""A caller of a service that makes things, whatever it makes."""

from typing import Any, ClassVar, Generic, TypeVar

import grpc.aio
from google.api.httpbody_pb2 import HttpBody
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from atelier.events.v1 import events_pb2
from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier.type.v1.type_pb2 import ModelState
from tests.support.wait import eventually

MadeT = TypeVar("MadeT")  # the message of what is made

Metadata = tuple[tuple[str, str], ...]


class Owner(Generic[MadeT]):
    """A subclass says how the contract calls things: its `messages`, the `parameters` of a request, the `noun` of what
    is made and that of a model, as they stand in the names of its RPCs."""

    messages: ClassVar[Any]
    parameters: ClassVar[Any]
    noun: ClassVar[str]
    model_messages: ClassVar[Any]
    model_noun: ClassVar[str]

    def __init__(self, made: Any, models: Any, storage: grpc.aio.Channel, metadata: Metadata) -> None:
        """`made` and `models` are the stubs of the two services."""
        self.made_rpcs = made
        self.model_rpcs = models
        self.assets: Any = storage_pb2_grpc.StorageServiceStub(storage)
        self.metadata = metadata

    def call(self, verb: str, *, headers: Metadata = (), timeout_s: float = 60, plural: str = "", **fields: Any) -> Any:
        """The call of the RPC `<verb><noun>`, under way."""
        return self._call(self.made_rpcs, f"{verb}{self.noun}{plural}", headers, timeout_s, fields)

    async def model(self, verb: str, model_id: str) -> Any:
        """What `<verb>Model` answers: Get, Load, Unload."""
        return await self._call(self.model_rpcs, f"{verb}{self.model_noun}", (), 20, {"id": model_id})

    async def models(self) -> Any:
        """The catalogue's first page."""
        return await self._call(self.model_rpcs, f"List{self.model_noun}s", (), 20, {})

    async def model_in(self, state: ModelState.ValueType, model_id: str) -> Any:
        """The model when it has come to that state."""

        async def there() -> Any:
            model = await self.model("Get", model_id)
            return model if model.state == state else None

        return await eventually(there, timeout_s=30, what=ModelState.Name(state))

    async def generate(self, *, request_id: str = "", headers: Metadata = (), **fields: Any) -> MadeT:
        parameters = self.parameters(**fields)
        answer: MadeT = await self.call("Generate", headers=headers, parameters=parameters, request_id=request_id)
        return answer

    async def again(self, made: Any) -> MadeT:
        """Sends the echo of what was made."""
        answer: MadeT = await self.call("Generate", parameters=made.parameters)
        return answer

    async def get(self, made_id: str) -> MadeT:
        answer: MadeT = await self.call("Get", id=made_id)
        return answer

    async def page(self, **fields: Any) -> Any:
        return await self.call("List", plural="s", **fields)

    async def cancel(self, made_id: str) -> MadeT:
        answer: MadeT = await self.call("Cancel", id=made_id)
        return answer

    async def delete(self, made_id: str) -> None:
        await self.call("Delete", id=made_id)

    async def watch(self, made_id: str, after_seq: int | None = None) -> list[events_pb2.Event]:
        """Every event to the end of the stream."""
        return [event async for event in self.call("Watch", id=made_id, after_seq=after_seq)]

    async def made(self, made_id: str) -> MadeT:
        """What was to be made when it has ended."""
        await self.watch(made_id)
        return await self.get(made_id)

    async def running(self, made_id: str) -> MadeT:
        """The same when the worker has made a step."""
        async for event in self.call("Watch", id=made_id):
            if event.generation_progress.progress.done:
                return await self.get(made_id)
        raise AssertionError("it ended before anybody saw a step")

    async def bytes_of(self, verb: str, headers: dict[str, str], **fields: Any) -> tuple[bytes, dict[str, Any]]:
        """The bytes that an RPC streams, and the headers that came with them."""
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        call = self._call(self.made_rpcs, verb, more, 20, fields)
        chunks = [body async for body in call]
        sent = dict(await call.initial_metadata())
        return b"".join(body.data for body in chunks), {**sent, "type": chunks[0].content_type}

    async def upload(self, data: bytes, content_type: str) -> str:
        """An asset of the caller's own; its id."""
        request = storage_pb2.CreateAssetRequest(file=HttpBody(content_type=content_type, data=data))
        return str((await self.assets.CreateAsset(iter([request]), metadata=self.metadata)).id)

    async def asset(self, asset_id: str) -> bytes:
        """The bytes of an asset of the caller."""
        request = storage_pb2.GetAssetContentRequest(id=asset_id)
        return b"".join([body.data async for body in self.assets.GetAssetContent(request, metadata=self.metadata)])

    async def asset_ids(self) -> set[str]:
        """Every file that this caller has in storage."""
        answer = await self.assets.ListAssets(storage_pb2.ListAssetsRequest(page_size=100), metadata=self.metadata)
        return {asset.id for asset in answer.assets}

    def _call(self, stub: Any, rpc: str, headers: Metadata, timeout_s: float, fields: dict[str, Any]) -> Any:
        messages = self.model_messages if stub is self.model_rpcs else self.messages
        request = getattr(messages, f"{rpc}Request")(**fields)
        return getattr(stub, rpc)(request, metadata=(*self.metadata, *headers), timeout=timeout_s)


def refusal(error: grpc.aio.AioRpcError) -> tuple[str, str, list[str]]:
    """Code, reason and fields of an error."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return error.code().name, info.reason, [violation.field for violation in bad.field_violations]


async def answer_to(call: Any, made_id: str) -> tuple[Any, ...]:
    """All that a refused call is told, with the id that it named left out."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
        status = trailers["grpc-status-details-bin"].replace(made_id.encode(), b"ID")
        return error.code().name, str(error.details()), status
    raise AssertionError("it was answered")
