"""A contract with every shape that a field can have, beside the real one: `POST /api/v1/shapes` takes a `Shapes`."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.api import annotations_pb2
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet
from google.protobuf.message import Message

from atelier_gateway.settings import FILES
from atelier_service.http import set_http
from tests.gateway.mesh import Gateway, knows_keys, run_envoy, serve, settings_for
from tests.support.tokens import TestSigner
from tests.support.wait import eventually

PATH = "/api/v1/shapes"
METHOD = "/atelier.image.v1.ImageService/TryShapes"
_IMAGE_PROTO = "atelier/image/v1/image.proto"
_WELL_KNOWN = (any_pb2, duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
_MESSAGES = (
    "Struct", "Value", "ListValue", "Timestamp", "Duration", "FieldMask", "BoolValue", "StringValue", "BytesValue",
    "DoubleValue", "FloatValue", "Int32Value", "UInt32Value", "Int64Value", "UInt64Value",
)  # fmt: skip
SCALARS = (
    "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "bytes", "uint32",
    "sfixed32", "sfixed64", "sint32", "sint64",
)  # fmt: skip
_KEYS = ("string", "int32", "uint64", "bool")


class _Shapes:
    """Builds the message, field by field."""

    def __init__(self) -> None:
        self.message = DescriptorProto(name="Shapes")

    def add(self, name: str, kind: str, type_name: str = "", *, is_list: bool = False) -> FieldDescriptorProto:
        field = self.message.field.add(name=name, number=len(self.message.field) + 1)
        field.label = field.LABEL_REPEATED if is_list else field.LABEL_OPTIONAL
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
        if type_name:
            field.type_name = type_name
        return field

    def add_map(self, name: str, key: str, kind: str, type_name: str = "") -> None:
        entry = self.message.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        for number, (part, of, named) in enumerate((("key", key, ""), ("value", kind, type_name)), 1):
            field = entry.field.add(name=part, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            field.type = FieldDescriptorProto.Type.Value(f"TYPE_{of.upper()}")
            if named:
                field.type_name = named
        self.add(name, "message", f".atelier.image.v1.Shapes.{entry.name}", is_list=True)


def _shapes() -> DescriptorProto:
    shapes = _Shapes()
    for kind in SCALARS:
        shapes.add(f"one_{kind}", kind)
        shapes.add(f"some_{kind}", kind, is_list=True)
    for key in _KEYS:
        shapes.add_map(f"by_{key}", key, "string")
    for kind in ("int32", "double", "bool", "bytes"):
        shapes.add_map(f"{kind}_of", "string", kind)
    shapes.add("one_enum", "enum", ".atelier.type.v1.Scheduler")
    shapes.add("some_enum", "enum", ".atelier.type.v1.Scheduler", is_list=True)
    shapes.add("one_self", "message", ".atelier.image.v1.Shapes")
    shapes.add("some_self", "message", ".atelier.image.v1.Shapes", is_list=True)
    shapes.add_map("self_of", "string", "message", ".atelier.image.v1.Shapes")
    shapes.add_map("enum_of", "string", "enum", ".atelier.type.v1.Scheduler")
    for name in _MESSAGES:
        shapes.add(f"well_known_{name.lower()}", "message", f".google.protobuf.{name}")
    shapes.message.oneof_decl.add(name="choice")
    for kind in ("string", "uint32"):
        shapes.add(f"choice_{kind}", kind).oneof_index = 0
    return shapes.message


def contract_with_shapes() -> FileDescriptorSet:
    """The real contract and one method more."""
    files = FileDescriptorSet.FromString((FILES / "atelier.binpb").read_bytes())
    known = {file.name for file in files.file}
    for module in _WELL_KNOWN:
        if module.DESCRIPTOR.name not in known:
            proto = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
            files.file.insert(0, proto)
    (image,) = (file for file in files.file if file.name == _IMAGE_PROTO)
    image.dependency.extend(m.DESCRIPTOR.name for m in _WELL_KNOWN if m.DESCRIPTOR.name not in image.dependency)
    image.message_type.append(_shapes())
    (service,) = (service for service in image.service if service.name == "ImageService")
    method = service.method.add(
        name="TryShapes", input_type=".atelier.image.v1.Shapes", output_type=".atelier.image.v1.Image"
    )
    method.options.Extensions[annotations_pb2.http].post = PATH
    method.options.Extensions[annotations_pb2.http].body = "*"
    return files


CONTRACT = contract_with_shapes()


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for file in CONTRACT.file:
        pool.Add(file)
    return pool


POOL = _pool()
SHAPES: Descriptor = POOL.FindMessageTypeByName("atelier.image.v1.Shapes")


def request_class(descriptor: Descriptor) -> type[Message]:
    """The class of a message of this contract."""
    return message_factory.GetMessageClass(descriptor)


@dataclass
class Recorder(grpc.GenericRpcHandler):
    """Takes every method, and remembers the bytes of the last request."""

    method: str = ""
    request: bytes | None = None

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """A handler that answers with an empty message."""
        method = str(handler_call_details.method)

        async def take(request: bytes, context: Any) -> bytes:
            if not method.startswith("/grpc.health."):
                self.method, self.request = method, request
            if method.endswith("/CreateWorkflow"):  # the document has no other success of it
                await set_http(context, 201)
            return b""

        return grpc.unary_unary_rpc_method_handler(take)


@asynccontextmanager
async def run_shapes(folder: Path) -> AsyncIterator[tuple[Gateway, Recorder, dict[str, str]]]:
    """Envoy with that contract, before a recorder in place of images, videos and auth's methods; and a caller's
    headers."""
    shutil.copytree(FILES, folder, dirs_exist_ok=True)
    (folder / "atelier.binpb").write_bytes(CONTRACT.SerializeToString())
    recorder = Recorder()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((recorder,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with serve(TestSigner()) as upstream:
            address = f"127.0.0.1:{port}"
            changes = {
                "folder": folder, "image_address": address, "video_address": address, "workflow_address": address,
                "requests_per_s": 10_000, "request_burst": 10_000,
            }  # fmt: skip
            settings = settings_for(upstream, folder).model_copy(update=changes)
            async with run_envoy(settings, folder) as gateway:
                await eventually(lambda: knows_keys(gateway, upstream.signer), 20, "tokens are accepted")
                token = upstream.signer.token("ada")
                yield gateway, recorder, {"authorization": f"Bearer {token}", "content-type": "application/json"}
    finally:
        await server.stop(None)
