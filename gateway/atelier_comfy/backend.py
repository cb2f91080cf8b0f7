"""Prompt backend: the port behind the HTTP routes, which runs prompts and stores them."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from atelier_comfy.job_listing import JobFilter
from atelier_comfy.outbox import Progress
from atelier_comfy.submission import Submission


@dataclass(frozen=True)
class QueueListing:
    """JSON of the running and of the waiting prompts, each in the order of their numbers."""

    running: list[str]
    pending: list[str]


class PromptBackend(Protocol):
    """The prompts of one user; `LocalBackend` stores them in a file and runs them in a pool of hosts."""

    async def node_info(self) -> Mapping[str, Mapping[str, Any]]:
        """Entries of `/object_info` by class name; waits until nodes are loaded."""
        ...

    async def submit(self, submission: Submission) -> Mapping[str, Any]:
        """Validates a prompt and stores it.

        Returns:
            The response: `prompt_id`, `number` and `node_errors`.

        Raises:
            PromptRefusedError: It is not valid, or no host can validate it (503).
        """
        ...

    async def remaining(self) -> int:
        """Returns the number of prompts that wait or run."""
        ...

    async def queue(self) -> QueueListing:
        """Returns the prompts that wait and run."""
        ...

    async def drop_waiting(self, ids: Collection[str] | None) -> None:
        """Removes waiting prompts from the queue: those with these ids, or all."""
        ...

    async def interrupt(self, prompt_id: str | None) -> None:
        """Ends the running prompt with this id, or all running ones; does nothing if there is none."""
        ...

    async def cancel(self, prompt_id: str) -> bool | None:
        """Removes a waiting prompt or ends a running one.

        Returns:
            True if it did; False if the prompt has ended; None for an unknown id.
        """
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
        """Frees memory of the hosts."""
        ...

    def now_running(self, client_id: str) -> list[str | Progress]:
        """Returns messages for a client that reconnects: states of all nodes and the running node, for each prompt."""
        ...
