"""How hard an attack tries: a little with the other tests, hard under `make attack`."""

import os

import pytest

FULL = os.environ.get("ATELIER_ATTACK") == "full"


def times(short: int, full: int) -> int:
    """Returns how often to try something."""
    return full if FULL else short


def attack(who: str, tries: str, holds: str) -> pytest.MarkDecorator:
    """Marks a test as a row of SECURITY.md's table.

    Args:
        who: The attacker: a stranger, a caller (somebody with a key), a page.
        tries: What the attacker does.
        holds: What is true all the same; the test asserts it.
    """
    return pytest.mark.attack(who=who, tries=tries, holds=holds)
