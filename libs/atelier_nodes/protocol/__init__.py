"""Messages between a host and the side of the worker."""

from atelier_nodes.protocol.execution import Folders, HostExecution
from atelier_nodes.protocol.isolation import HostIsolation, IsolationLine, IsolationWish

__all__ = ["Folders", "HostExecution", "HostIsolation", "IsolationLine", "IsolationWish"]
