"""Cache providers: stores of results that packs bring.

Hosts run graphs of several owners, and their own caches pass nothing from one to another. A provider has no notion of
owners: it is accepted, so that its pack loads, and is never called.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CacheContext:
    """Which result it is.

    Attributes:
        node_id: The node.
        class_type: Its class.
        cache_key_hash: A hash of all that the result depends on.
    """

    node_id: str
    class_type: str
    cache_key_hash: str


@dataclass(frozen=True)
class CacheValue:
    """A result.

    Attributes:
        outputs: For each output its list of values.
        ui: What the node showed, or None.
    """

    outputs: Sequence[Any]
    ui: dict[str, Any] | None = None


class CacheProvider(ABC):
    """A store of results."""

    @abstractmethod
    async def on_lookup(self, context: CacheContext) -> CacheValue | None:
        """Returns a result, or None."""

    @abstractmethod
    async def on_store(self, context: CacheContext, value: CacheValue) -> None:
        """Stores a result."""

    def should_cache(self, context: CacheContext, value: CacheValue | None = None) -> bool:
        """Returns True if the provider is to be called."""
        return True

    def on_prompt_start(self, prompt_id: str) -> None:  # noqa: B027 - a provider need not override it
        """Is called when an execution begins."""

    def on_prompt_end(self, prompt_id: str) -> None:  # noqa: B027
        """Is called when an execution has ended."""


class Done:
    """What asynchronous callers may await, and others need not."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


# Caching has an attribute of the same name, which hides this one in its body.
_Provider: TypeAlias = CacheProvider


class Caching:
    """Cache providers, for asynchronous and other functions."""

    CacheProvider = CacheProvider
    CacheContext = CacheContext
    CacheValue = CacheValue

    @staticmethod
    def register_provider(provider: _Provider) -> Done:
        """Accepts a provider, and logs that it is not called."""
        _log.warning(
            "cache provider %s is not asked: results of one owner must not reach another", type(provider).__name__
        )
        return Done()

    @staticmethod
    def unregister_provider(provider: _Provider) -> Done:
        """Does nothing: no provider is called."""
        return Done()
