"""`ComfyAPI`: what packs call of the server, in an asynchronous and a synchronous form."""

from comfy_api.latest.execution import Execution, ExecutionSync


class ComfyAPI:
    """The server, for asynchronous functions.

    Attributes:
        execution: progress of nodes.
    """

    VERSION = "latest"
    STABLE = False
    Execution = Execution

    def __init__(self) -> None:
        self.execution = Execution()


class ComfyAPISync:
    """The server, for functions that wait for nothing.

    Attributes:
        execution: progress of nodes.
    """

    VERSION = "latest"
    STABLE = False
    Execution = ExecutionSync

    def __init__(self) -> None:
        self.execution = ExecutionSync()
