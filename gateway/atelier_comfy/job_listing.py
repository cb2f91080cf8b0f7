"""Job listings for the front end: prompts that wait, run or have ended, with filters, order and pages."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atelier_comfy.prompt import plain_number

STATUS_OF_STATE = {
    "waiting": "pending",
    "running": "in_progress",
    "success": "completed",
    "error": "failed",
    "interrupted": "cancelled",
}
_STATE_OF_STATUS = {status: state for state, status in STATUS_OF_STATE.items()}
DEFAULT_LIMIT = 1000
_LARGEST = 2**31


class JobFilterError(ValueError):
    """A query parameter is not valid; the message names it."""


@dataclass(frozen=True)
class JobFilter:
    """The filter, order and page of a list of jobs.

    Attributes:
        statuses: The statuses to list: `pending`, `in_progress`, `completed`, `failed`, `cancelled`.
        workflow_id: Only jobs of this workflow; None for all.
        sort_by: `created_at` or `execution_duration`.
        descending: True to list the largest first.
        limit: The maximum number of jobs.
        offset: Number of jobs to skip.
    """

    statuses: tuple[str, ...]
    workflow_id: str | None
    sort_by: str
    descending: bool
    limit: int
    offset: int

    def states(self) -> list[str]:
        """States of the store that the statuses stand for."""
        return [_STATE_OF_STATUS[status] for status in self.statuses]

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> "JobFilter":
        """Reads the query of `GET /api/jobs`. Raises JobFilterError."""
        statuses = tuple(word.strip().lower() for word in query.get("status", "").split(",") if word.strip())
        wrong = [status for status in statuses if status not in _STATE_OF_STATUS]
        if wrong:
            raise JobFilterError(f"status: {', '.join(wrong)} is not one of {', '.join(_STATE_OF_STATUS)}")
        sort_by = query.get("sort_by", "created_at").lower()
        if sort_by not in ("created_at", "execution_duration"):
            raise JobFilterError("sort_by: must be created_at or execution_duration")
        order = query.get("sort_order", "desc").lower()
        if order not in ("asc", "desc"):
            raise JobFilterError("sort_order: must be asc or desc")
        return cls(
            statuses or tuple(_STATE_OF_STATUS),
            query.get("workflow_id") or None,
            sort_by,
            order == "desc",
            _whole(query, "limit", DEFAULT_LIMIT, smallest=1),
            _whole(query, "offset", 0, smallest=0),
        )


def job_of_row(row: Any) -> dict[str, Any]:
    """One job of a list."""
    return {
        "id": row.prompt_id,
        "status": STATUS_OF_STATE[row.state],
        "priority": plain_number(row.number),
        "create_time": row.created_ms,
        "execution_start_time": row.started_ms,
        "execution_end_time": row.ended_ms,
        "execution_error": None if row.error is None else json.loads(row.error),
        "outputs_count": row.outputs_count or 0,
        "previewable_outputs_count": row.previewable_count or 0,
        "preview_output": None if row.preview is None else json.loads(row.preview),
        "workflow_id": row.workflow_id,
    }


def whole_job_of_row(row: Any) -> dict[str, Any]:
    """A job with its graph and its outputs."""
    return {
        **job_of_row(row),
        "update_time": row.ended_ms or row.created_ms,
        "workflow": {"prompt": json.loads(row.graph), "extra_data": json.loads(row.extra_data)},
        "outputs": json.loads(row.outputs or "{}"),
        "execution_status": json.loads(row.status or "null"),
        "execution_meta": json.loads(row.meta or "null"),
    }


def _whole(query: Mapping[str, str], name: str, default: int, *, smallest: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        raise JobFilterError(f"{name}: must be a whole number") from None
    if number < smallest:
        raise JobFilterError(f"{name}: must be at least {smallest}")
    return min(number, _LARGEST)
