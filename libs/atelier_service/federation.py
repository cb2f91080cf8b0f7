"""Federation: one API over several services, each of which stores a part of what the API lists.

Any of the services can be called. It reads its own part and calls its peers for theirs, with the caller's own token. A
call to a peer carries a mark in its metadata, so that the peer does not forward it again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import grpc.aio

from atelier_service.channel import TokenSource, open_channel
from atelier_service.errors import NotFoundError, UnavailableError, UnimplementedError
from atelier_service.metadata import metadata_value

SourceT = TypeVar("SourceT")
T = TypeVar("T")

# Callers cannot send it: the gateway drops `x-atelier-*` of requests from outside.
_HEADER = "x-atelier-forwarded"
FORWARDED = ((_HEADER, "true"),)
"""Metadata of a call to a peer, which then returns its own part alone."""

_RETRY_AFTER_S = 1.0


def is_forwarded(context: grpc.aio.ServicerContext[Any, Any]) -> bool:
    """True when a peer makes this call, which is then not forwarded again."""
    return metadata_value(context.invocation_metadata(), _HEADER) is not None


@asynccontextmanager
async def open_peers(addresses: Mapping[str, str], token: TokenSource) -> AsyncIterator[Mapping[str, grpc.aio.Channel]]:
    """Channels to peers, by name, while the context is open.

    Args:
        addresses: `host:port` of each peer, by name.
        token: Returns the token that calls carry: that of the caller being served.
    """
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(open_channel(address, token=token))
            for name, address in addresses.items()
        }


@dataclass(frozen=True, slots=True)
class Gathered(Generic[T]):
    """What the sources returned, by name, and the names of those that are unavailable."""

    parts: Mapping[str, T]
    unreachable: Sequence[str]


class Federation(Generic[SourceT]):
    """Several sources of one sort of records, each with a name; one of them is this process's own."""

    def __init__(self, name: str, own: SourceT, peers: Mapping[str, SourceT]) -> None:
        """
        Args:
            name: Name of the own source.
            own: The source in this process.
            peers: The sources in other processes, by name.
        """
        self._name = name
        self._own = own
        self._peers = dict(peers)

    @property
    def names(self) -> frozenset[str]:
        """The names of all sources."""
        return frozenset({self._name, *self._peers})

    def serving(self, context: grpc.aio.ServicerContext[Any, Any]) -> Self:
        """The sources that a call is served from: all of them, or the own one alone when a peer calls."""
        return type(self)(self._name, self._own, {}) if is_forwarded(context) else self

    async def gather(self, ask: Callable[[SourceT], Awaitable[T]], names: Collection[str] | None = None) -> Gathered[T]:
        """Calls the sources concurrently.

        Args:
            ask: Called with each source.
            names: Which sources to call; None for all. Unknown names are ignored.

        Returns:
            The responses, and the names of the sources that are unavailable.

        Raises:
            UnavailableError: None of the sources is available (reason KINDS_UNREACHABLE).
            AtelierError: What a source raised, other than that it is unavailable.
        """
        sources = {self._name: self._own, **self._peers}
        wanted = [name for name in sorted(sources) if names is None or name in names]
        found = await asyncio.gather(*(_unless_unavailable(ask(sources[name])) for name in wanted))
        parts = {name: part[0] for name, part in zip(wanted, found, strict=True) if part is not None}
        unreachable = [name for name in wanted if name not in parts]
        if unreachable and not parts:
            raise _unreachable(unreachable)
        return Gathered(parts, unreachable)

    async def find(self, ask: Callable[[SourceT], Awaitable[T]]) -> T:
        """Calls the own source and, when it has no such record, all peers concurrently.

        Returns:
            What the source that has the record returned.

        Raises:
            NotFoundError: No source has it.
            UnavailableError: No source that is available has it, and some are not (reason KINDS_UNREACHABLE).
            AtelierError: What else a source raised.
        """
        missing: NotFoundError | None = None
        unreachable: list[str] = []

        async def asked(name: str, source: SourceT) -> tuple[T] | None:
            nonlocal missing
            try:
                found = await _unless_unavailable(ask(source))
            except NotFoundError as error:
                missing = missing or error
                return None
            if found is None:
                unreachable.append(name)
            return found

        if (found := await asked(self._name, self._own)) is not None:
            return found[0]
        tasks = [asyncio.create_task(asked(name, source)) for name, source in self._peers.items()]
        try:
            for task in asyncio.as_completed(tasks):
                if (found := await task) is not None:
                    return found[0]
        finally:
            for unfinished in tasks:
                unfinished.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if unreachable or missing is None:
            raise _unreachable(unreachable)
        raise missing


async def _unless_unavailable(response: Awaitable[T]) -> tuple[T] | None:
    """Returns a tuple of the response; None when the source is unavailable, or lacks the method (an older version)."""
    try:
        return (await response,)
    except (UnavailableError, UnimplementedError):
        return None


def _unreachable(names: Collection[str]) -> UnavailableError:
    listed = ",".join(sorted(names))
    text = f"the services of these kinds are unavailable: {listed}"
    return UnavailableError("KINDS_UNREACHABLE", text, metadata={"kinds": listed}, retry_after_s=_RETRY_AFTER_S)
