"""The model cache: loaded models within a memory budget, evicted least recently used first. Without torch."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Generic

from atelier_diffusion.engine.model_store import LocatedModel, ModelState, ModelStatus, ModelStore, ModelT
from atelier_diffusion.policy.errors import EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import FileFacts, ModelCard

GIB = 2**30


class _Entry(Generic[ModelT]):
    def __init__(self, model: ModelT, located: LocatedModel[ModelT]) -> None:
        self.model = model
        self.located = located
        self.revision = located.revision
        self.memory_bytes = model.memory_bytes
        self.users = 0
        self.drop_when_idle = False


class ModelCache(Generic[ModelT]):
    """Loaded models, within a budget of memory. Thread-safe.

    A model in use is never evicted. One whose files were replaced is evicted as soon as it is not in use, so that the
    next request uses the new files.
    """

    def __init__(self, store: ModelStore[ModelT], budget_bytes: int, listener: Callable[[ModelStatus], None]) -> None:
        """Makes an empty cache.

        Args:
            store: Where models come from.
            budget_bytes: The most memory that weights may take.
            listener: Receives every change of a status, in the thread that caused it and under the cache's lock: it
                must return at once and must not call the cache.
        """
        self._store = store
        self._budget_bytes = budget_bytes
        self._listener = listener
        self._entries: OrderedDict[str, _Entry[ModelT]] = OrderedDict()  # least recently used first
        self._statuses: dict[str, ModelStatus] = {}
        self._facts: dict[str, FileFacts] = {}
        self._lock = threading.RLock()
        self._one_load = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Memory that all loaded models take."""
        with self._lock:
            return sum(entry.memory_bytes for entry in self._entries.values())

    def status(self, card: ModelCard) -> ModelStatus:
        """The model's status; UNLOADED if it was never loaded."""
        with self._lock:
            if card.id not in self._statuses:
                self._statuses[card.id] = self._unloaded(card)
            return self._statuses[card.id]

    def refresh(self, card: ModelCard) -> None:
        """Checks whether the model's files were replaced.

        A loaded model that is not in use is evicted; for any other the listener receives the revision that would be
        loaded now, since the content cache must not look up the revision that is still in use.
        """
        if card.folder is None:
            return  # a hub is queried when the model is loaded
        is_replaced = self._drop_if_replaced(card)
        with self._lock:
            status = self.status(card)
            if status.state is ModelState.LOADING:
                return  # the end of loading is published
            entry = self._entries.get(card.id)
            known = self._store.known_revision(card) if entry is None or is_replaced else entry.revision
            if status.revision != known:
                self._publish(replace(status, revision=known))

    @property
    def idle_bytes(self) -> int:
        """Memory of the models that are not in use: what `clear` releases."""
        with self._lock:
            return sum(entry.memory_bytes for entry in self._entries.values() if not entry.users)

    @contextmanager
    def using(self, card: ModelCard, admit: Callable[[Any], None] = lambda _: None) -> Iterator[tuple[ModelT, str]]:
        """Loads the model if necessary and pins it in memory until the block ends.

        Args:
            card: The model.
            admit: Receives the located model before it is loaded, and raises an `EngineError` where loading would be
                pointless.

        Yields:
            The model and its revision.

        Raises:
            EngineError: Whatever `admit` raises.
            ModelLoadError: The model cannot be loaded.
        """
        entry = self._acquire(card, admit)
        try:
            yield entry.model, entry.revision
        finally:
            with self._lock:
                entry.users -= 1
                if entry.drop_when_idle and not entry.users:
                    self._drop(card.id)

    def load(self, card: ModelCard) -> ModelStatus:
        """Loads the model unless it is loaded.

        Raises:
            ModelLoadError: It cannot be loaded.
        """
        with self.using(card):
            return self.status(card)

    def unload(self, card: ModelCard) -> ModelStatus:
        """Evicts the model, at once or when the request that uses it ends."""
        with self._lock:
            entry = self._entries.get(card.id)
            if entry is not None and entry.users:
                entry.drop_when_idle = True
            elif entry is not None:
                self._drop(card.id)
            return self.status(card)

    def clear(self) -> None:
        """Evicts every model that is not in use."""
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
                entry.drop_when_idle = False
                self._entries.move_to_end(model_id)
            return entry

    def _drop_if_replaced(self, card: ModelCard) -> bool:
        """Whether the model's files were replaced; evicts it unless it is in use: the next request checks again."""
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
        self._publish(ModelStatus(card.id, ModelState.LOADING, self._store.known_revision(card)))
        try:
            located = self._store.locate(card)
            self._facts[card.id] = located.file_facts
            self._check_budget(card, located.needed_bytes)
            admit(located)
            self._make_room(card, located.needed_bytes)
            model = located.load()
        except ModelLoadError as error:
            self._publish_failure(card, error)
            raise
        except EngineError:  # the request was refused, not the model
            self._publish(self._unloaded(card))
            raise
        except BaseException as error:
            failure = ModelLoadError("MODEL_LOAD_FAILED", f"model {card.id} could not be loaded")
            self._publish_failure(card, failure)
            if not isinstance(error, Exception):
                raise
            raise failure from error
        entry = _Entry(model, located)
        entry.users = 1
        with self._lock:
            self._entries[card.id] = entry
            self._publish(ModelStatus(card.id, ModelState.READY, entry.revision, entry.memory_bytes))
        return entry

    def _check_budget(self, card: ModelCard, needed_bytes: int) -> None:
        """Refuses a model that does not fit even if every idle model is evicted."""
        with self._lock:
            free = self._budget_bytes - (self.held_bytes - self.idle_bytes)
        if needed_bytes > free:
            reason = "MODEL_TOO_LARGE" if needed_bytes > self._budget_bytes else "MODEL_MEMORY_BUSY"
            needs = f"needs about {needed_bytes / GIB:.1f} GiB, {max(free, 0) / GIB:.1f} GiB are free"
            raise ModelLoadError(reason, f"model {card.id} {needs}")

    def _make_room(self, card: ModelCard, needed_bytes: int) -> None:
        """Evicts idle models, least recently used first, until `needed_bytes` fit; refuses first if they never will."""
        with self._lock:
            self._check_budget(card, needed_bytes)
            for model_id in [key for key, entry in self._entries.items() if not entry.users]:
                if self.held_bytes + needed_bytes <= self._budget_bytes:
                    return
                self._drop(model_id)

    def _drop(self, model_id: str, revision: str | None = None) -> None:
        """Evicts a model; `revision` is that of the present files, where they were replaced."""
        entry = self._entries.pop(model_id)
        entry.model.close()
        self._publish(ModelStatus(model_id, ModelState.UNLOADED, entry.revision if revision is None else revision))

    def _publish_failure(self, card: ModelCard, error: ModelLoadError) -> None:
        known = self._store.known_revision(card)
        failed = ModelStatus(card.id, ModelState.FAILED, known, reason=error.reason, message=error.message)
        self._publish(failed)

    def _publish(self, status: ModelStatus) -> None:
        with self._lock:
            status = replace(status, facts=self._facts.get(status.model_id, status.facts))
            self._statuses[status.model_id] = status
            self._listener(status)
