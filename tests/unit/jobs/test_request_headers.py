"""The Prefer header."""

import pytest

from atelier_jobs.api.request_headers import wait_preference_s


@pytest.mark.parametrize(("header", "wait_s"), [
    ("wait=10", 10), ("wait=0", 0), ("WAIT = 5", 5), ('wait="7"', 7), ("respond-async, wait=3", 3), ("wait=600", 60),
    ("return=minimal; x=1, wait=2", 2), ("wait=1, wait=9", 1),
])  # fmt: skip
def test_a_wait_is_understood(header: str, wait_s: int) -> None:
    assert wait_preference_s(header) == wait_s


@pytest.mark.parametrize(
    "header", [None, "", "wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", 'wait="3', "awaits=3"]
)
def test_what_is_malformed_is_ignored(header: str | None) -> None:
    assert wait_preference_s(header) is None
