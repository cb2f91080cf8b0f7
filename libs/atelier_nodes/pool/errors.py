"""Pool errors: why an execution has no result of its own."""


class HostLostError(Exception):
    """The host of an execution died, or was ended because it did not stop.

    Attributes:
        reason: HOST_LOST (it ended by itself), MEMORY_LIMIT, PROCESS_LIMIT, TIME_LIMIT, or HOST_NOT_STARTED.
        message: For a person: how the host ended, and the node.
        node_id: The node that ran; empty when none did.
        node_type: Its class.
    """

    def __init__(self, reason: str, message: str, node_id: str = "", node_type: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.node_id = node_id
        self.node_type = node_type
