"""`ComfyAPI`: what packs call of the server, in an asynchronous and a synchronous form."""

from comfy_api.latest.caching import Caching
from comfy_api.latest.execution import Execution, ExecutionSync
from comfy_api.latest.node_replacement import NodeReplacement, NodeReplacementSync


class ComfyAPI:
    """The server, for asynchronous functions.

    Attributes:
        execution: Progress of nodes.
        caching: Cache providers, which are accepted and never called.
        node_replacement: Classes in place of those that are gone.
    """

    VERSION = "latest"
    STABLE = False
    Execution = Execution
    NodeReplacement = NodeReplacement

    def __init__(self) -> None:
        self.execution = Execution()
        self.caching = Caching()
        self.node_replacement = NodeReplacement()


class ComfyAPISync:
    """The server, for synchronous functions.

    Attributes:
        execution: Progress of nodes.
        caching: Cache providers, which are accepted and never called.
        node_replacement: Classes in place of those that are gone.
    """

    VERSION = "latest"
    STABLE = False
    Execution = ExecutionSync
    NodeReplacement = NodeReplacementSync

    def __init__(self) -> None:
        self.execution = ExecutionSync()
        self.caching = Caching()
        self.node_replacement = NodeReplacementSync()
