"""Slots in all, and of one owner."""

from contextlib import ExitStack

import pytest

from atelier_service.errors import ResourceExhaustedError
from atelier_service.slots import Slots


def slots(total: int, per_owner: int) -> Slots:
    return Slots(total, per_owner, lambda text: ResourceExhaustedError("TOO_MANY_UPLOADS", text))


def test_one_owner_has_so_many_and_others_have_theirs() -> None:
    some = slots(4, 2)
    with ExitStack() as held:
        for owner in ("mallory", "mallory", "ada"):
            held.enter_context(some.take(owner))
        with pytest.raises(ResourceExhaustedError, match="2 are under way"), some.take("mallory"):
            pass
        with some.take("eve"):
            pass


def test_all_together_have_so_many() -> None:
    some = slots(2, 2)
    with some.take("ada"), some.take("eve"), pytest.raises(ResourceExhaustedError, match="too many"), some.take("bob"):
        pass


def test_a_slot_is_free_again_however_its_call_ended() -> None:
    some = slots(1, 1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), some.take("ada"):
            raise ValueError("broken")
