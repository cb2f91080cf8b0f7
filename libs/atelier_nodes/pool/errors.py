"""Pool errors: an execution whose host was lost."""


class HostLostError(Exception):
    """The host of an execution ended or was killed, or no host could be started.

    Attributes:
        reason: HOST_LOST (it ended by itself), MEMORY_LIMIT, PROCESS_LIMIT, TIME_LIMIT, or HOST_NOT_STARTED.
        message: How the host ended, with the node, for display.
        node_id: The node that was running; empty if none was.
        node_type: Its class.
    """

    def __init__(self, reason: str, message: str, node_id: str = "", node_type: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.node_id = node_id
        self.node_type = node_type
