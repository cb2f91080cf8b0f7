"""Pack messages: what packs send to clients of their own accord, by their prompt server."""

from atelier_comfy.binary_message import numbered
from atelier_comfy.client_socket import Messages, text_message
from atelier_nodes.protocol.messages import PackMessage


def send_pack_message(message: PackMessage, messages: Messages) -> None:
    """Sends it to the client that it is for, or to all."""
    event = message.event
    body = text_message(event, message.value) if isinstance(event, str) else numbered(event, message.data)
    if message.client_id is None:
        messages.broadcast(body)
    else:
        messages.send(message.client_id, body)
