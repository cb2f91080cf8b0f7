"""Output files: files that nodes have written become assets; other entries of their `ui` become values."""

import asyncio
import json
import mimetypes
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atelier_artifacts.worker.asset_files import AssetFiles, file_fields_of
from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt, JobFault
from atelier_nodes.protocol import Folders
from atelier_workflow.domain.execution import ExecutionResult, OutputFile, OutputValue

_MOST_FILES = 1000
_MOST_FILE_BYTES = 200 << 20
_MOST_VALUE_BYTES = 64 << 10
_MOST_RESULT_BYTES = 512 << 10  # a result travels in an event
_SUFFIX = re.compile(r"[a-z0-9]{1,8}")


class OutputFiles:
    """Stores the outputs of one attempt, node by node."""

    def __init__(self, job: Job, attempt: Attempt, files: AssetFiles, folders: Folders) -> None:
        self._job = job
        self._attempt = attempt
        self._files = files
        self._folders = folders
        self._by_node: dict[str, tuple[list[OutputFile], list[OutputValue]]] = {}
        self._count = 0

    @property
    def result(self) -> ExecutionResult:
        """What has been stored so far."""
        return ExecutionResult(
            source_job_id=self._job.id,
            source_epoch=self._attempt.epoch,
            files=tuple(file for files, _ in self._by_node.values() for file in files),
            values=tuple(value for _, values in self._by_node.values() for value in values),
        )

    async def store(self, node_id: str, ui: Mapping[str, Any]) -> None:
        """Stores the outputs of a node, in place of those that it had before.

        Args:
            node_id: The node.
            ui: Its `ui`: lists of entries by field; an entry with `filename` and `type` is a file.

        Raises:
            JobFault: OUTPUT_LOST, a file does not exist or is outside of the execution's folders; OUTPUT_TOO_LARGE.
            InfrastructureFault: Storage was unavailable for too long.
            Stopped: A stop was requested.
        """
        files: list[OutputFile] = []
        values: list[OutputValue] = []
        for field, entries in ui.items():
            if not isinstance(entries, Sequence) or isinstance(entries, str):
                entries = [entries]
            for index, entry in enumerate(entries):
                if _is_file(entry):
                    files.append(await self._store_file(node_id, field, index, entry))
                else:
                    values.append(_value(node_id, field, index, entry))
        self._by_node[node_id] = (files, values)
        if len(self.result.to_bytes()) > _MOST_RESULT_BYTES:
            raise JobFault("OUTPUT_TOO_LARGE", f"the outputs up to node {node_id} are too many", retryable=False)

    async def _store_file(self, node_id: str, field: str, index: int, entry: Mapping[str, Any]) -> OutputFile:
        self._count += 1
        if self._count > _MOST_FILES:
            raise JobFault("OUTPUT_TOO_LARGE", f"an execution stores at most {_MOST_FILES} files", retryable=False)
        name, is_temporary = str(entry["filename"]), entry["type"] == "temp"
        folder = self._folders.temp if is_temporary else self._folders.output
        data = await asyncio.to_thread(_read, folder, str(entry.get("subfolder") or ""), name)
        if data is None:
            text = f"the file {name} of node {node_id} is not in the folders of the execution"
            raise JobFault("OUTPUT_LOST", text, retryable=False)
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        suffix = Path(name).suffix.lower().removeprefix(".")
        asset = await self._files.store(
            self._job, self._attempt, f"output-{self._count}",
            suffix if _SUFFIX.fullmatch(suffix) else "bin", content_type, data,
        )  # fmt: skip
        return OutputFile(
            **file_fields_of(asset), node_id=node_id, field=field, index=index, filename=name, temporary=is_temporary
        )


def _is_file(entry: object) -> bool:
    return isinstance(entry, Mapping) and "filename" in entry and entry.get("type") in ("output", "temp")


def _value(node_id: str, field: str, index: int, entry: object) -> OutputValue:
    text = json.dumps(entry, separators=(",", ":"))
    if len(text) > _MOST_VALUE_BYTES:
        raise JobFault("OUTPUT_TOO_LARGE", f"{field} of node {node_id} is too large", retryable=False)
    return OutputValue(node_id=node_id, field=field, index=index, value=text)


def _read(folder: Path, subfolder: str, name: str) -> bytes | None:
    """Reads a file below `folder`; None when it does not exist or is elsewhere.

    Nodes are not trusted: the path is read from the open descriptor, so that no symbolic link leads out of the folder.
    """
    try:
        descriptor = os.open(folder / subfolder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if not place.is_relative_to(folder.resolve()) or not place.is_file():
            return None
        data = file.read(_MOST_FILE_BYTES + 1)
    if len(data) > _MOST_FILE_BYTES:
        raise JobFault("OUTPUT_TOO_LARGE", f"the file {name} is too large", retryable=False)
    return data
