"""Which models stay in memory."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from atelier_diffusion.engine.model_cache import GIB, ModelCache
from atelier_diffusion.engine.model_store import ModelState, ModelStatus
from atelier_diffusion.policy.errors import EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import NO_FACTS, FileFacts, ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource


def card(model_id: str) -> ModelCard:
    return ModelCard(model_id, model_id, ModelSource("path", model_id), "r1", Path(model_id), ModelDefaults())


@dataclass
class Model:
    memory_bytes: int
    is_closed: bool = False

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Located:
    store: "Store"
    needed_bytes: int
    revision: str = "r2"
    file_facts: FileFacts = NO_FACTS

    def is_replaced(self) -> bool:
        return self.store.folder_revision != self.revision

    def load(self) -> Model:
        self.store.loads += 1
        if self.store.gate is not None:
            self.store.started.set()
            assert self.store.gate.wait(10)
        if self.needed_bytes == 13:
            raise RuntimeError("a bug with a /path")
        model = Model(self.needed_bytes)
        self.store.models.append(model)
        return model


@dataclass
class Store:
    """Models of so many GiB."""

    sizes: dict[str, int]
    loads: int = 0
    models: list[Model] = field(default_factory=list)
    gate: threading.Event | None = None
    started: threading.Event = field(default_factory=threading.Event)
    folder_revision: str = "r2"
    facts: FileFacts = NO_FACTS
    indexed: dict[str, str] = field(default_factory=lambda: {"r2": "r2"})

    def locate(self, card: ModelCard) -> Located:
        if card.id not in self.sizes:
            raise ModelLoadError("MODEL_NOT_FOUND", "not there")
        return Located(self, self.sizes[card.id], self.folder_revision, self.facts)

    def known_revision(self, card: ModelCard) -> str:
        return self.indexed.get(self.folder_revision, "")


@dataclass
class House:
    """A cache of 10 GiB over a store, and what its listener heard."""

    store: Store = field(
        default_factory=lambda: Store({"a": 4 * GIB, "b": 4 * GIB, "c": 4 * GIB, "huge": 11 * GIB, "odd": 13})
    )
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cache: ModelCache[Model] = ModelCache(self.store, 10 * GIB, self.hear)

    def hear(self, status: ModelStatus) -> None:
        self.heard.append(f"{status.model_id} {status.state}")


@pytest.fixture
def house() -> House:
    return House()


def test_a_model_is_loaded_once(house: House) -> None:
    house.cache.load(card("a"))
    with house.cache.using(card("a")) as (model, revision):
        assert (model.memory_bytes, revision) == (4 * GIB, "r2")
    assert house.store.loads == 1
    assert house.heard == ["a LOADING", "a READY"]


def test_the_status_has_the_memory_and_the_loaded_revision(house: House) -> None:
    assert house.cache.status(card("a")) == ModelStatus("a", "UNLOADED", "r2")  # type: ignore[arg-type]
    status = house.cache.load(card("a"))
    assert (status.state, status.revision, status.memory_bytes) == ("READY", "r2", 4 * GIB)
    assert house.cache.status(card("a")) == status


def test_the_least_recently_used_goes_first(house: House) -> None:
    house.cache.load(card("a"))
    house.cache.load(card("b"))
    house.cache.load(card("a"))
    house.cache.load(card("c"))
    assert house.heard[-3:] == ["c LOADING", "b UNLOADED", "c READY"]
    assert house.store.models[1].is_closed
    assert house.cache.held_bytes == 8 * GIB


def test_what_can_never_fit_is_refused_before_it_is_loaded_and_nothing_is_dropped(house: House) -> None:
    house.cache.load(card("a"))
    with pytest.raises(ModelLoadError, match=r"needs about 11\.0 GiB, 10\.0 GiB are free") as refused:
        house.cache.load(card("huge"))
    assert refused.value.reason == "MODEL_TOO_LARGE"
    assert house.store.loads == 1
    assert house.heard == ["a LOADING", "a READY", "huge LOADING", "huge FAILED"]


def test_a_model_in_use_is_never_dropped(house: House) -> None:
    with house.cache.using(card("a")), house.cache.using(card("b")):
        with pytest.raises(ModelLoadError) as refused:
            house.cache.load(card("c"))
        assert refused.value.reason == "MODEL_MEMORY_BUSY"
    house.cache.load(card("c"))
    assert house.cache.status(card("a")).state == "UNLOADED"


def test_a_model_in_use_is_unloaded_when_its_work_ends(house: House) -> None:
    with house.cache.using(card("a")):
        assert house.cache.unload(card("a")).state == "READY"
        assert house.cache.held_bytes == 4 * GIB
    assert house.store.models[0].is_closed
    assert house.cache.status(card("a")).state == "UNLOADED"


def test_use_after_an_unload_that_waits_keeps_the_model(house: House) -> None:
    with house.cache.using(card("a")):
        house.cache.unload(card("a"))
        house.cache.load(card("a"))
    assert house.cache.status(card("a")).state == "READY"


def test_unloading_what_is_not_loaded_is_no_error(house: House) -> None:
    assert house.cache.unload(card("a")).state == "UNLOADED"


def test_a_failure_is_reported_with_its_reason_and_the_next_attempt_starts_afresh(house: House) -> None:
    del house.store.sizes["a"]
    with pytest.raises(ModelLoadError):
        house.cache.load(card("a"))
    assert house.cache.status(card("a")).reason == "MODEL_NOT_FOUND"
    house.store.sizes["a"] = GIB
    assert house.cache.load(card("a")).state == "READY"


def test_an_unexpected_error_is_reported_without_its_text(house: House) -> None:
    with pytest.raises(ModelLoadError) as refused:
        house.cache.load(card("odd"))
    assert refused.value.reason == "MODEL_LOAD_FAILED"
    assert "/path" not in refused.value.message


def test_what_the_files_say_is_known_once_they_are_there_and_stays_known(house: House) -> None:
    assert house.cache.status(card("a")).facts == NO_FACTS
    house.store.facts = FileFacts("EULER", ("EULER", "DPMPP_2M"), 77)

    def refuse(_: object) -> None:
        raise EngineError("INVALID_REQUEST", "no")

    with pytest.raises(EngineError, match="no"), house.cache.using(card("a"), refuse):
        pass
    assert house.cache.status(card("a")).facts == house.store.facts, "the request was refused, the files are there"
    assert house.cache.load(card("a")).facts == house.store.facts
    assert house.cache.unload(card("a")).facts == house.store.facts


def test_clear_drops_what_is_idle(house: House) -> None:
    house.cache.load(card("a"))
    with house.cache.using(card("b")):
        house.cache.clear()
        assert house.cache.held_bytes == 4 * GIB
    assert house.cache.status(card("b")).state == "READY"


def test_two_threads_that_use_one_model_load_it_once_and_the_status_is_available_meanwhile() -> None:
    house = House()
    house.store.gate = threading.Event()
    threads = [threading.Thread(target=house.cache.load, args=(card("a"),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert house.store.started.wait(10)
    assert house.cache.status(card("a")).state == "LOADING"
    house.store.gate.set()
    for thread in threads:
        thread.join(10)
    assert house.store.loads == 1
    assert house.heard == ["a LOADING", "a READY"]


def test_who_brings_work_may_refuse_it_before_the_model_is_loaded(house: House) -> None:
    def admit(located: Located) -> None:
        if located.needed_bytes > GIB:
            raise EngineError("CLIP_TOO_LARGE", "no room for the work")

    with pytest.raises(EngineError) as refused, house.cache.using(card("a"), admit):
        pass
    assert refused.value.reason == "CLIP_TOO_LARGE"
    assert (house.store.loads, house.heard) == (0, ["a LOADING", "a UNLOADED"])


def test_a_loaded_model_is_not_loaded_again(house: House) -> None:
    asked: list[Located] = []
    for _ in range(2):
        with house.cache.using(card("a"), asked.append):
            pass
    assert len(asked) == 1


def test_idle_models_are_those_that_could_be_dropped(house: House) -> None:
    house.cache.load(card("a"))
    with house.cache.using(card("b")):
        assert (house.cache.held_bytes, house.cache.idle_bytes) == (8 * GIB, 4 * GIB)


def test_a_model_whose_files_were_replaced_is_loaded_anew(house: House) -> None:
    house.cache.load(card("a"))
    house.store.folder_revision = "r3"
    with house.cache.using(card("a")) as (_, revision):
        assert revision == "r3"
    assert house.heard == ["a LOADING", "a READY", "a UNLOADED", "a LOADING", "a READY"]
    assert [model.is_closed for model in house.store.models] == [True, False]


def test_work_goes_on_with_the_files_that_it_began_with(house: House) -> None:
    with house.cache.using(card("a")) as (model, revision):
        house.store.folder_revision = "r3"
        house.cache.refresh(card("a"))
        assert not model.is_closed
        assert revision == "r2"
        # Whoever asks now gets no earlier result, however long this work takes.
        assert house.cache.status(card("a")) == ModelStatus("a", ModelState.READY, "", 4 * GIB)
    house.cache.refresh(card("a"))
    assert house.cache.status(card("a")) == ModelStatus("a", ModelState.UNLOADED, "")  # nobody has read them yet


def test_files_that_are_put_back_while_they_are_in_use_were_never_replaced(house: House) -> None:
    with house.cache.using(card("a")):
        for house.store.folder_revision in ("r3", "r2"):
            house.cache.refresh(card("a"))
        assert house.cache.status(card("a")) == ModelStatus("a", ModelState.READY, "r2", 4 * GIB)
    house.cache.load(card("a"))
    assert house.store.loads == 1


def test_a_model_that_is_not_loaded_has_the_revision_of_the_files_that_are_there(house: House) -> None:
    assert house.cache.status(card("a")).revision == "r2"
    house.store.folder_revision = "r3"
    house.cache.refresh(card("a"))
    assert house.cache.status(card("a")).revision == ""
    house.store.indexed["r3"] = "r3"
    for _ in range(2):
        house.cache.refresh(card("a"))
    assert house.cache.status(card("a")).revision == "r3"
    assert house.heard == ["a UNLOADED"] * 2  # told when it changes, and only then
