"""Which models stay in memory: least recently used goes first, within a budget. Knows no torch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from atelier_diffusion.policy.errors import EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import ModelCard

GIB = 2**30


class ModelState(StrEnum):
    """Where a model stands in this process."""

    UNLOADED = "UNLOADED"
    LOADING = "LOADING"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """State of one model. `memory_bytes` is what its weights hold; `reason` and `message` are set when FAILED."""

    model_id: str
    state: ModelState
    revision: str = ""
    memory_bytes: int = 0
    reason: str = ""
    message: str = ""


class LoadedModel(Protocol):
    """A model in memory."""

    @property
    def memory_bytes(self) -> int:
        """What its weights really hold."""
        ...

    def close(self) -> None:
        """Gives the memory back."""
        ...


ModelT = TypeVar("ModelT", bound=LoadedModel)
ModelT_co = TypeVar("ModelT_co", bound=LoadedModel, covariant=True)


class LocatedModel(Protocol[ModelT_co]):
    """A model whose files are on this machine. All is cheap but `load`."""

    @property
    def revision(self) -> str:
        """Names the weights that were loaded; empty before."""
        ...

    @property
    def needed_bytes(self) -> int:
        """Memory that its weights will take."""
        ...

    def load(self) -> ModelT_co:
        """Reads the weights. Raises `ModelLoadError`."""
        ...

    def is_replaced(self) -> bool:
        """Whether other files that could be loaded are in the place of those that were."""
        ...


class ModelStore(Protocol[ModelT_co]):
    """Where models come from."""

    def locate(self, card: ModelCard) -> LocatedModel[ModelT_co]:
        """Finds or downloads the model's files. Raises `ModelLoadError`."""
        ...

    def known_revision(self, card: ModelCard) -> str:
        """What loading the model now would read, if that is known without reading it; else empty. Cheap."""
        ...


class _Entry(Generic[ModelT]):
    def __init__(self, model: ModelT, located: LocatedModel[ModelT]) -> None:
        self.model = model
        self.located = located
        self.revision = located.revision
        self.memory_bytes = model.memory_bytes
        self.users = 0
        self.doomed = False


class ModelCache(Generic[ModelT]):
    """Models in memory, at most `budget_bytes` of weights. Safe to call from several threads.

    A model in use is never dropped. One whose files were replaced is dropped when it is not in use, so that the next
    work is done with the new ones. The listener hears every change of state, in the thread that caused it and
    under the cache's lock: it must only pass the news on.
    """

    def __init__(self, store: ModelStore[ModelT], budget_bytes: int, listener: Callable[[ModelStatus], None]) -> None:
        self._store = store
        self._budget_bytes = budget_bytes
        self._listener = listener
        self._entries: OrderedDict[str, _Entry[ModelT]] = OrderedDict()  # least recently used first
        self._statuses: dict[str, ModelStatus] = {}
        self._lock = threading.RLock()
        self._one_load = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """What all loaded models hold together."""
        with self._lock:
            return sum(entry.memory_bytes for entry in self._entries.values())

    def status(self, card: ModelCard) -> ModelStatus:
        """Where the model stands; UNLOADED if it was never asked for."""
        with self._lock:
            if card.id not in self._statuses:
                self._statuses[card.id] = self._unloaded(card)
            return self._statuses[card.id]

    def refresh(self, card: ModelCard) -> None:
        """Tells when the model's files were replaced: a loaded model that is not in use is dropped, of any other the
        revision is told that would be loaded now. The cache of results must not go by one that is still drawing."""
        if card.folder is None:
            return  # a hub is asked when the model is loaded
        is_replaced = self._drop_if_replaced(card)
        with self._lock:
            status = self.status(card)
            if status.state is ModelState.LOADING:
                return  # its end is told
            entry = self._entries.get(card.id)
            known = self._store.known_revision(card) if entry is None or is_replaced else entry.revision
            if status.revision != known:
                self._tell(replace(status, revision=known))

    @property
    def idle_bytes(self) -> int:
        """What the models hold that are not in use: `clear` gives so much back."""
        with self._lock:
            return sum(entry.memory_bytes for entry in self._entries.values() if not entry.users)

    @contextmanager
    def using(self, card: ModelCard, admit: Callable[[Any], None] = lambda _: None) -> Iterator[tuple[ModelT, str]]:
        """The model and its revision, loaded if need be, kept in memory until the block ends.

        If it must be loaded, `admit` sees before that what the store located, and may raise an `EngineError` to say
        that loading would be in vain. Raises that, and `ModelLoadError`.
        """
        entry = self._acquire(card, admit)
        try:
            yield entry.model, entry.revision
        finally:
            with self._lock:
                entry.users -= 1
                if entry.doomed and not entry.users:
                    self._drop(card.id)

    def load(self, card: ModelCard) -> ModelStatus:
        """Loads the model unless it is loaded. Raises `ModelLoadError`."""
        with self.using(card):
            return self.status(card)

    def unload(self, card: ModelCard) -> ModelStatus:
        """Drops the model, or marks it to be dropped when the work that uses it ends."""
        with self._lock:
            entry = self._entries.get(card.id)
            if entry is not None and entry.users:
                entry.doomed = True
            elif entry is not None:
                self._drop(card.id)
            return self.status(card)

    def clear(self) -> None:
        """Drops every model that is not in use."""
        with self._lock:
            for model_id in [key for key, entry in self._entries.items() if not entry.users]:
                self._drop(model_id)

    def _acquire(self, card: ModelCard, admit: Callable[[Any], None]) -> _Entry[ModelT]:
        self._drop_if_replaced(card)
        entry = self._pin(card.id)
        if entry is not None:
            return entry
        with self._one_load:
            entry = self._pin(card.id)  # another thread may have loaded it while this one waited
            return entry if entry is not None else self._load(card, admit)

    def _pin(self, model_id: str) -> _Entry[ModelT] | None:
        with self._lock:
            entry = self._entries.get(model_id)
            if entry is not None:
                entry.users += 1
                entry.doomed = False
                self._entries.move_to_end(model_id)
            return entry

    def _drop_if_replaced(self, card: ModelCard) -> bool:
        """Whether the model's files were replaced. In use, it serves its work to the end; whoever comes next asks
        again."""
        with self._lock:
            entry = self._entries.get(card.id)
        if entry is None or not entry.located.is_replaced():
            return False
        with self._lock:
            if self._entries.get(card.id) is entry and not entry.users:
                self._drop(card.id, self._store.known_revision(card))
        return True

    def _unloaded(self, card: ModelCard) -> ModelStatus:
        return ModelStatus(card.id, ModelState.UNLOADED, self._store.known_revision(card))

    def _load(self, card: ModelCard, admit: Callable[[Any], None]) -> _Entry[ModelT]:
        self._tell(ModelStatus(card.id, ModelState.LOADING, self._store.known_revision(card)))
        try:
            located = self._store.locate(card)
            self._check_budget(card, located.needed_bytes)
            admit(located)
            self._make_room(card, located.needed_bytes)
            model = located.load()
        except ModelLoadError as error:
            self._tell_failure(card, error)
            raise
        except EngineError:  # it is the work that was refused, not the model
            self._tell(self._unloaded(card))
            raise
        except BaseException as error:
            failure = ModelLoadError("MODEL_LOAD_FAILED", f"model {card.id} could not be loaded")
            self._tell_failure(card, failure)
            if not isinstance(error, Exception):
                raise
            raise failure from error
        entry = _Entry(model, located)
        entry.users = 1
        with self._lock:
            self._entries[card.id] = entry
            self._tell(ModelStatus(card.id, ModelState.READY, entry.revision, entry.memory_bytes))
        return entry

    def _check_budget(self, card: ModelCard, needed_bytes: int) -> None:
        """Refuses what would not fit even if every idle model were dropped."""
        with self._lock:
            free = self._budget_bytes - (self.held_bytes - self.idle_bytes)
        if needed_bytes > free:
            reason = "MODEL_TOO_LARGE" if needed_bytes > self._budget_bytes else "MODEL_MEMORY_BUSY"
            needs = f"needs about {needed_bytes / GIB:.1f} GiB, {max(free, 0) / GIB:.1f} GiB are free"
            raise ModelLoadError(reason, f"model {card.id} {needs}")

    def _make_room(self, card: ModelCard, needed_bytes: int) -> None:
        """Drops idle models, oldest first, until `needed_bytes` fit; refuses before anything is dropped in vain."""
        with self._lock:
            self._check_budget(card, needed_bytes)
            for model_id in [key for key, entry in self._entries.items() if not entry.users]:
                if self.held_bytes + needed_bytes <= self._budget_bytes:
                    return
                self._drop(model_id)

    def _drop(self, model_id: str, revision: str | None = None) -> None:
        """`revision` is of the files that are there now, where they are others."""
        entry = self._entries.pop(model_id)
        entry.model.close()
        self._tell(ModelStatus(model_id, ModelState.UNLOADED, entry.revision if revision is None else revision))

    def _tell_failure(self, card: ModelCard, error: ModelLoadError) -> None:
        known = self._store.known_revision(card)
        failed = ModelStatus(card.id, ModelState.FAILED, known, reason=error.reason, message=error.message)
        self._tell(failed)

    def _tell(self, status: ModelStatus) -> None:
        with self._lock:
            self._statuses[status.model_id] = status
            self._listener(status)
