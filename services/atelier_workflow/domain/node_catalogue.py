"""The node catalogue: descriptions of the nodes that workers can run."""

import asyncio
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from atelier_graph.errors import NodeDeclarationError
from atelier_graph.node_class import NodeClass
from atelier_service.errors import InvalidArgumentError, UnavailableError

_MAX_BYTES = 64 << 20  # of the descriptions of one worker's nodes, as JSON


class NodeReports(Protocol):
    """Stores what workers report. Every method raises UnavailableError while the database is unavailable."""

    async def digests(self) -> Sequence[str]:
        """Returns the digests of the reports of living workers, the newest first; without any, that of the last one."""
        ...

    async def nodes(self, digest: str) -> bytes | None:
        """Returns the nodes of a report: the JSON of /object_info, compressed with zlib; None when it was deleted."""
        ...

    async def store(self, worker_id: str, nodes: bytes) -> bool:
        """Stores a report; with empty `nodes` only that the worker is alive.

        Returns:
            False when the worker's nodes are not stored, and it has to send them.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    digests: tuple[str, ...]
    classes: Mapping[str, NodeClass]


class NodeCatalogue:
    """The nodes of all living workers; of several with the same name, that of the newest report."""

    def __init__(self, reports: NodeReports) -> None:
        self._reports = reports
        self._known = _Known((), {})

    async def classes(self) -> Mapping[str, NodeClass]:
        """Returns the nodes by class name.

        Raises:
            UnavailableError: NO_NODES, no worker has reported its nodes yet; or the database is unavailable.
        """
        digests = tuple(await self._reports.digests())
        if digests != self._known.digests:
            reports = [await self._reports.nodes(digest) for digest in reversed(digests)]
            found = await asyncio.to_thread(_classes, [report for report in reports if report is not None])
            self._known = _Known(digests, found)
        if not self._known.classes:
            text = "no worker has reported its nodes yet"
            raise UnavailableError("NO_NODES", text, retry_after_s=5.0)
        return self._known.classes


def check_report(nodes: bytes) -> None:
    """Checks the nodes that a worker reports. Raises InvalidArgumentError."""
    try:
        for name, info in read_report(nodes).items():
            NodeClass.from_info({"name": name, **info})
    except (NodeDeclarationError, ValueError, TypeError, zlib.error) as error:
        text = f"are no descriptions of nodes ({type(error).__name__})"
        raise InvalidArgumentError.of_field("nodes", text, reason="INVALID_NODES") from error


def write_report(nodes: Mapping[str, Any]) -> bytes:
    """Encodes descriptions of nodes, by class name, as a report."""
    return zlib.compress(json.dumps(nodes, separators=(",", ":"), sort_keys=True).encode(), 6)


def read_report(nodes: bytes) -> dict[str, Any]:
    """Decodes a report. Raises ValueError and zlib.error."""
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(nodes, _MAX_BYTES)
    if not unpacking.eof:
        raise ValueError("the report is cut off, or too large")
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("the report is no JSON object")
    return values


def _classes(reports: Sequence[bytes]) -> Mapping[str, NodeClass]:
    """Reads reports; of several nodes with the same name, that of the last report is taken."""
    found: dict[str, NodeClass] = {}
    for report in reports:
        for name, info in read_report(report).items():
            found[name] = NodeClass.from_info({"name": name, **info})
    return found
