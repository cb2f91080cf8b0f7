"""Descriptor of an RPC, as both transports need it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.message import Message

Req = TypeVar("Req", bound=Message)
Res = TypeVar("Res", bound=Message)


@dataclass(frozen=True)
class Rpc(Generic[Req, Res]):
    """A method of the contract with the Python types of its messages.

    `repeatable`: a second call has no further effect, so it may be repeated when the first may have been received.
    """

    method: MethodDescriptor
    request_type: type[Req]
    response_type: type[Res]
    repeatable: bool

    @property
    def path(self) -> str:
        """Path of the call over gRPC: `/package.Service/Method`."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"


def rpc(
    file: FileDescriptor, name: str, request_type: type[Req], response_type: type[Res], *, repeatable: bool = True
) -> Rpc[Req, Res]:
    """Returns the RPC `Service.Method` of `file`. Raises TypeError when the types are not those of the contract."""
    service, _, method_name = name.partition(".")
    method = file.services_by_name[service].methods_by_name[method_name]
    for found, given in ((method.input_type, request_type), (method.output_type, response_type)):
        if found is not given.DESCRIPTOR:
            raise TypeError(f"{name} takes or returns {found.full_name}, not {given.DESCRIPTOR.full_name}")
    return Rpc(method, request_type, response_type, repeatable)
