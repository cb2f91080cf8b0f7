"""Executions as messages of the contract."""

import json

from atelier.workflow.v1 import execution_pb2
from atelier_jobs.api.messages import job_fields
from atelier_jobs.domain.job import Job
from atelier_jobs.wire.progress_messages import unpack_detail
from atelier_workflow.domain.execution import ExecutionResult, ExecutionSpec


def execution_path(execution_id: str) -> str:
    """Returns the path of an execution below the gateway."""
    return f"/api/v1/executions/{execution_id}"


def content_paths(_execution_id: str, result: bytes) -> list[str]:
    """Returns the paths of the files of a finished execution below the gateway."""
    return [_content_path(file.asset_id) for file in ExecutionResult.from_bytes(result).files]


def execution_message(job: Job, result_so_far: bytes | None = None) -> execution_pb2.Execution:
    """Makes the record of an execution from its job.

    Args:
        job: The job.
        result_so_far: The partial result of a running job; None: only a final result is used.
    """
    spec = ExecutionSpec.from_bytes(job.spec)
    progress = _progress(job, spec)
    path = execution_path(job.id)
    fields = job_fields(job)
    del fields["revision"], fields["cached"]
    message = execution_pb2.Execution(
        **fields,
        workflow_id=spec.workflow_id,
        version=spec.version,
        inputs=json.dumps(dict(spec.inputs)),
        metadata=spec.metadata,
        progress=progress,
        node_error=progress.failure if progress.HasField("failure") else None,
        links=execution_pb2.ExecutionLinks(self=path, events=f"{path}/events", cancel=f"{path}/cancel"),
    )
    result = result_so_far if job.result is None else job.result
    if result is not None:
        _add_outputs(message, ExecutionResult.from_bytes(result), spec)
    return message


def _progress(job: Job, spec: ExecutionSpec) -> execution_pb2.ExecutionProgress:
    progress = unpack_detail(job.progress, execution_pb2.ExecutionProgress)
    progress.fraction = job.progress.fraction
    progress.nodes_total = max(progress.nodes_total, spec.node_count)
    return progress


def _add_outputs(message: execution_pb2.Execution, result: ExecutionResult, spec: ExecutionSpec) -> None:
    names = spec.output_names
    for file in result.files:
        message.outputs.add(
            name=names.get(file.node_id, ""),
            node_id=file.node_id,
            field=file.field,
            index=file.index,
            asset_id=file.asset_id,
            content_type=file.content_type,
            filename=file.filename,
            temporary=file.temporary,
            width_px=file.width_px,
            height_px=file.height_px,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            content_url=_content_path(file.asset_id),
        )
    for value in result.values:
        message.outputs.add(
            name=names.get(value.node_id, ""),
            node_id=value.node_id,
            field=value.field,
            index=value.index,
            value=value.value,
        )


def _content_path(asset_id: str) -> str:
    return f"/api/v1/assets/{asset_id}/content"
