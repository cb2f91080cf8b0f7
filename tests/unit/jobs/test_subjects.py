"""Names on the bus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_jobs.messaging import subjects


def test_an_owner_with_dots_is_one_token() -> None:
    assert subjects.ephemeral("ada.l", "id") == "ephemeral.ada%2El.id"
    assert subjects.event("ada", "generation.progress", "id") == "events.ada.generation_progress.id"
    assert subjects.event(subjects.EVERYBODY, "model.status", "") == "events._all.model_status._"
    assert subjects.work("image") == "jobs.image"


@given(st.text(alphabet=st.characters(codec="ascii"), min_size=1))
def test_a_token_is_one_token_and_can_be_read_back(text: str) -> None:
    token = subjects.token(text)
    assert not set(token) & set(".*> \t\r\n")
    assert subjects.untoken(token) == text


@pytest.mark.parametrize("owner", ["*", ">", "a.b", "x.>"])
def test_no_owner_can_listen_to_another_by_its_name(owner: str) -> None:
    assert subjects.events_of(owner).count(".") == 2
    assert "*" not in subjects.ephemeral(owner, "id")
