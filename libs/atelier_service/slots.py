"""Slots: a limit of concurrent calls, in all and for each owner."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from atelier_service.errors import AtelierError


class Slots:
    """Limits concurrent calls that last as long as their caller wishes, such as streams.

    A call is refused when no slot is free. Not thread-safe: for the calls of one event loop.
    """

    def __init__(self, total: int, per_owner: int, refusal: Callable[[str], AtelierError]) -> None:
        """Creates free slots.

        Args:
            total: The largest number of concurrent calls.
            per_owner: The largest number of concurrent calls of one owner.
            refusal: Returns the error of a refused call; its argument is a sentence with the reason.
        """
        self._total = total
        self._per_owner = per_owner
        self._refusal = refusal
        self._taken: Counter[str] = Counter()

    def check(self, owner: str) -> None:
        """Raises the error of `refusal` when all slots, or all slots of this owner, are taken."""
        if self._taken[owner] >= self._per_owner:
            raise self._refusal(f"{self._per_owner} are under way, which is as many as one caller may have at once")
        if self._taken.total() >= self._total:
            raise self._refusal("too many are under way at once")

    @contextmanager
    def take(self, owner: str) -> Iterator[None]:
        """Holds one slot of `owner` while the context is open. Raises as `check` does."""
        self.check(owner)
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]
