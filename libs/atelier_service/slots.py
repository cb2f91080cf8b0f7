"""Slots: a limit of concurrent calls, in all and for each owner."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from atelier_service.errors import AtelierError


class Slots:
    """Bounds calls that hold something for as long as their caller likes. A call that finds no free slot is refused.

    Of one event loop.
    """

    def __init__(self, total: int, per_owner: int, refusal: Callable[[str], AtelierError]) -> None:
        """Limits concurrent calls.

        Args:
            total: How many calls run at once.
            per_owner: How many of them one owner may have.
            refusal: Makes the error of a refused call from a sentence that says why.
        """
        self._total = total
        self._per_owner = per_owner
        self._refusal = refusal
        self._taken: Counter[str] = Counter()

    def check(self, owner: str) -> None:
        """Raises what `refusal` makes when all slots, or all of this owner, are taken."""
        if self._taken[owner] >= self._per_owner:
            raise self._refusal(f"{self._per_owner} are under way, which is as many as one caller may have at once")
        if self._taken.total() >= self._total:
            raise self._refusal("too many are under way at once")

    @contextmanager
    def take(self, owner: str) -> Iterator[None]:
        """Holds one slot of `owner`. Raises like `check`."""
        self.check(owner)
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]
