"""A federation answers for all of its sources, and says which are unavailable."""

import asyncio
from dataclasses import dataclass

import pytest

from atelier_service.errors import AtelierError, InvalidArgumentError, NotFoundError, UnavailableError
from atelier_service.federation import Federation


@dataclass
class Shelf:
    """A source with some records; `fault` is raised instead of an answer, `waits` forever."""

    records: tuple[str, ...] = ()
    fault: AtelierError | None = None
    waits: bool = False

    async def get(self, record: str) -> str:
        if self.waits:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        if record not in self.records:
            raise NotFoundError("RECORD_NOT_FOUND", "there is no such record")
        return record

    async def all(self) -> tuple[str, ...]:
        if self.fault is not None:
            raise self.fault
        return self.records


def unavailable() -> Shelf:
    return Shelf(fault=UnavailableError("DATABASE_UNAVAILABLE", "the database is unavailable"))


async def test_a_record_is_found_wherever_it_is() -> None:
    shelves = Federation("own", Shelf(("a",)), {"peer": Shelf(("b",)), "other": Shelf(("c",))})
    assert await shelves.find(lambda shelf: shelf.get("a")) == "a"
    assert await shelves.find(lambda shelf: shelf.get("b")) == "b"
    assert await shelves.find(lambda shelf: shelf.get("c")) == "c"


async def test_a_record_is_found_though_a_peer_is_unavailable_or_slow() -> None:
    shelves = Federation("own", Shelf(), {"down": unavailable(), "slow": Shelf(waits=True), "peer": Shelf(("a",))})
    async with asyncio.timeout(5):
        assert await shelves.find(lambda shelf: shelf.get("a")) == "a"


async def test_a_record_that_no_source_has_is_not_found() -> None:
    shelves = Federation("own", Shelf(), {"peer": Shelf()})
    with pytest.raises(NotFoundError):
        await shelves.find(lambda shelf: shelf.get("a"))


@pytest.mark.parametrize(
    ("own", "peer", "named"), [(Shelf(), unavailable(), "peer"), (unavailable(), Shelf(), "own")], ids=["peer", "own"]
)
async def test_a_record_is_not_missing_while_a_source_that_may_have_it_is_unavailable(
    own: Shelf, peer: Shelf, named: str
) -> None:
    with pytest.raises(UnavailableError) as caught:
        await Federation("own", own, {"peer": peer}).find(lambda shelf: shelf.get("a"))
    assert caught.value.metadata == {"kinds": named}


async def test_another_error_of_a_source_is_raised() -> None:
    wrong = Shelf(fault=InvalidArgumentError("INVALID_FIELD", "it is wrong"))
    shelves = Federation("own", Shelf(), {"peer": wrong})
    with pytest.raises(InvalidArgumentError):
        await shelves.find(lambda shelf: shelf.get("a"))
    with pytest.raises(InvalidArgumentError):
        await shelves.gather(lambda shelf: shelf.all())


async def test_gathering_names_the_sources_that_are_unavailable() -> None:
    shelves = Federation("own", Shelf(("a",)), {"down": unavailable(), "peer": Shelf(("b",))})
    gathered = await shelves.gather(lambda shelf: shelf.all())
    assert gathered.parts == {"own": ("a",), "peer": ("b",)}
    assert gathered.unreachable == ["down"]


async def test_only_the_named_sources_are_asked() -> None:
    shelves = Federation("own", Shelf(("a",)), {"down": unavailable(), "peer": Shelf(("b",))})
    gathered = await shelves.gather(lambda shelf: shelf.all(), {"peer"})
    assert (gathered.parts, gathered.unreachable) == ({"peer": ("b",)}, [])


async def test_gathering_fails_when_no_source_is_available() -> None:
    shelves = Federation("own", Shelf(("a",)), {"down": unavailable()})
    with pytest.raises(UnavailableError):
        await shelves.gather(lambda shelf: shelf.all(), {"down"})
