"""Client messages: messages of packs to clients, sent to the pool, which passes them on."""

import io
import logging
from typing import Any

from PIL import Image

from atelier_nodes.host.wire import Wire
from atelier_nodes.protocol.messages import PackMessage

_log = logging.getLogger(__name__)


class PoolMessages:
    """Sends messages through the pool; the port is `ClientMessages` of the prompt server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def send(self, event: str | int, data: Any, client_id: str | None) -> None:
        """Sends a message; one whose data is neither JSON, bytes nor a picture is logged and dropped."""
        if isinstance(data, Image.Image):
            data = _jpeg(data)
        is_binary = isinstance(data, bytes | bytearray | memoryview)
        message = PackMessage(event, None if is_binary else data, client_id, bytes(data) if is_binary else b"")
        try:
            self._wire.send(message)
        except TypeError as error:
            _log.warning("a message %r of a pack is not JSON: %s", event, error)


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()
