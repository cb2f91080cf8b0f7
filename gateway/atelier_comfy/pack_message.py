"""Pack messages: messages that packs send to clients through their prompt server."""

from atelier_comfy.binary_message import numbered
from atelier_comfy.client_socket import Messages, text_message
from atelier_nodes.protocol.messages import PackMessage


def send_pack_message(message: PackMessage, messages: Messages) -> None:
    """Sends a message to its client, or to all clients."""
    event = message.event
    body = text_message(event, message.value) if isinstance(event, str) else numbered(event, message.data)
    if message.client_id is None:
        messages.broadcast(body)
    else:
        messages.send(message.client_id, body)
