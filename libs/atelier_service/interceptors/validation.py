"""Validation: the field rules of the contracts, checked before the handler is called."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import protovalidate
from google.protobuf.message import Message

from atelier_service.errors import FieldViolation, InvalidArgumentError
from atelier_service.field_path import as_written, entry, item, member
from atelier_service.interceptors.around import Around, Call


def validate(request: Message) -> None:
    """Raises InvalidArgumentError that names every field of `request` that breaks its rule."""
    try:
        protovalidate.validate(request)
    except protovalidate.ValidationError as error:
        broken: dict[str, list[str]] = {}
        for violation in error.violations:
            broken.setdefault(_path(violation), []).append(str(violation.proto.message))
        fields = [FieldViolation(path, ", ".join(texts)) for path, texts in broken.items()]
        text = "; ".join(f"{f.field}: {f.description}" for f in fields)
        raise InvalidArgumentError("INVALID_FIELD", text, fields=fields) from error


class ValidationInterceptor(Around):
    """Innermost. Messages of a client stream are validated by the handler that reads them."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Validates the request. Raises InvalidArgumentError."""
        if not call.streams_requests:
            validate(call.request)
        yield


def _path(violation: Any) -> str:
    """Returns the path of the field as the caller wrote it."""
    path = ""
    for element in violation.proto.field.elements:
        path = member(path, str(element.field_name))
        if element.subscript is not None:
            in_list = element.subscript.field == "index"
            path = item(path, element.subscript.value) if in_list else entry(path, element.subscript.value)
    return as_written(path)
