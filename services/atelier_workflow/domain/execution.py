"""Executions: their kind of job, spec and result."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from atelier_jobs.domain.owner_jobs import Kind

WORKFLOW = Kind(
    name="workflow", noun="execution", not_found_reason="EXECUTION_NOT_FOUND", not_ready_reason="EXECUTION_NOT_READY"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSpec:
    """The spec of an execution, without its graph, which is stored apart.

    Attributes:
        workflow_id: The workflow; empty for a graph that is not stored.
        version: Its version; 0 for a graph that is not stored.
        inputs: Values of the typed inputs, by name; an input that is left to the default of its node is absent.
        metadata: The caller's labels.
        asset_ids: Assets of the owner that the graph reads, as files of that name in the input folder.
        targets: Ids of the output nodes to run.
        output_names: Names of the workflow's outputs, by node id.
        node_count: Number of nodes in the graph.
    """

    workflow_id: str = ""
    version: int = 0
    inputs: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    asset_ids: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    output_names: Mapping[str, str] = field(default_factory=dict)
    node_count: int = 0

    def to_bytes(self) -> bytes:
        """Encodes the spec as JSON."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "ExecutionSpec":
        """Decodes what `to_bytes` encoded."""
        values = json.loads(data)
        return cls(**values | {"asset_ids": tuple(values["asset_ids"]), "targets": tuple(values["targets"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that a node has written, stored as an asset.

    Attributes:
        node_id: The node.
        field: The key in the node's `ui`, such as `images`.
        index: Its index in the list of that key.
        filename: The name that the node gave it.
        temporary: True for a file of the temp folder, such as a preview.
        asset_id: The asset.
        content_type: Media type.
        width_px: Width of a picture or clip, in pixels; otherwise 0.
        height_px: Height likewise.
        size_bytes: Size in bytes.
        sha256: Hash of the content, in hex.
    """

    node_id: str
    field: str
    index: int
    filename: str
    temporary: bool
    asset_id: str
    content_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputValue:
    """A value in the `ui` of a node that is not a file, as JSON text; `field` and `index` as in `OutputFile`."""

    node_id: str
    field: str
    index: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult:
    """The result of an execution, or a part of it while it runs.

    `source_job_id` and `source_epoch` are the claim under which the files were stored.
    """

    source_job_id: str
    source_epoch: int
    files: tuple[OutputFile, ...] = ()
    values: tuple[OutputValue, ...] = ()

    def to_bytes(self) -> bytes:
        """Encodes the result as JSON, with `source` and `outputs` as results of all jobs that store files."""
        return json.dumps(
            {
                "source": {"job_id": self.source_job_id, "epoch": self.source_epoch},
                "outputs": [asdict(file) for file in self.files],
                "values": [asdict(value) for value in self.values],
            },
            separators=(",", ":"),
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "ExecutionResult":
        """Decodes what `to_bytes` encoded."""
        values = json.loads(data)
        return cls(
            source_job_id=values["source"]["job_id"],
            source_epoch=values["source"]["epoch"],
            files=tuple(OutputFile(**file) for file in values["outputs"]),
            values=tuple(OutputValue(**value) for value in values["values"]),
        )
