"""Prompt backend: the port behind the HTTP routes, which runs prompts and remembers them."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from atelier_comfy.job_listing import JobFilter
from atelier_comfy.outbox import Progress
from atelier_comfy.submission import Submission


@dataclass(frozen=True)
class QueueListing:
    """JSON of the prompts that run and of those that wait, each in the order of their numbers."""

    running: list[str]
    pending: list[str]


class PromptBackend(Protocol):
    """Prompts of one user: the local one has a file and a pool of hosts, the mesh's has the user's executions."""

    async def node_info(self) -> Mapping[str, Mapping[str, Any]]:
        """Entries of `/object_info` by class name; waits until nodes are loaded."""
        ...

    async def submit(self, submission: Submission) -> Mapping[str, Any]:
        """Validates a prompt and stores it.

        Returns:
            The response: `prompt_id`, `number` and `node_errors`.

        Raises:
            PromptRefusedError: Nothing of it can run.
        """
        ...

    async def remaining(self) -> int:
        """How many prompts wait or run."""
        ...

    async def queue(self) -> QueueListing:
        """The prompts that wait and run."""
        ...

    async def drop_waiting(self, ids: Collection[str] | None) -> None:
        """Takes waiting prompts out of the queue: those with these ids, or all."""
        ...

    async def interrupt(self, prompt_id: str | None) -> None:
        """Ends the prompt that runs with this id, or all that run; nothing happens when none does."""
        ...

    async def cancel(self, prompt_id: str) -> bool | None:
        """Drops a prompt that waits or ends one that runs: whether it did; None for an unknown id."""
        ...

    def history(self, max_items: int | None, offset: int) -> AsyncIterator[tuple[str, str]]:
        """Yields ids and JSON of entries, oldest first; a negative offset means the last `max_items`."""
        ...

    async def entry(self, prompt_id: str) -> str | None:
        """JSON of one entry; None when there is none."""
        ...

    async def forget(self, ids: Collection[str] | None) -> None:
        """Removes entries of the history: those with these ids, or all."""
        ...

    async def jobs(self, wanted: JobFilter) -> tuple[list[dict[str, Any]], int]:
        """One page of jobs, and the number in all pages."""
        ...

    async def job(self, prompt_id: str) -> dict[str, Any] | None:
        """A job with its graph and outputs; None when there is none."""
        ...

    async def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Lets go of memory."""
        ...

    def now_running(self, client_id: str) -> list[str | Progress]:
        """Messages for a client that connects again: the node that runs, and the states of all nodes."""
        ...
