"""Facade: typed blocking wrappers of asynchronous methods, without a second definition of each method.

A façade owns an asynchronous object and the thread on which its event loop runs:

    class Keys(Facade[AsyncKeys]):
        list = iterating(AsyncKeys.list)
        revoke = blocking(AsyncKeys.revoke)
"""

import asyncio
import concurrent.futures
import functools
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
F = TypeVar("F", bound="Facade[Any]")


class LoopThread:
    """An event loop on a thread of its own, for programs that have none."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="atelier-client", daemon=True)
        self._closing = threading.Lock()  # calls that began before `close` are ended by it; none begins after
        self._closed = False
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Runs `work` on the loop and blocks until it ends. Ctrl-C cancels it.

        Returns:
            The result of `work`.

        Raises:
            RuntimeError: The client is closed, or this is the loop's own thread. Errors of `work` are raised as well.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("called from the client's own loop")
        with self._closing:
            if self._closed:
                work.close()
                raise RuntimeError("the client is closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("the client was closed meanwhile") from None
        except BaseException:
            future.cancel()
            raise

    def iterate(self, source: AsyncIterator[R]) -> Iterator[R]:
        """Yields the items of `source`, which is closed when the iteration ends or is abandoned."""
        try:
            while True:
                try:
                    item = self.run(_next(source))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if not self._closed:
                self.run(_close(source))

    def close(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Cancels the calls of other threads, runs `last`, and ends the loop and its thread. Idempotent."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(self._end(last), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _end(self, last: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if last is not None:
            await last()
        await self._loop.shutdown_asyncgens()


class Facade(Generic[A_co]):
    """A blocking object in front of an asynchronous one."""

    def __init__(self, asynchronous: A_co, loop: LoopThread) -> None:
        self._asynchronous = asynchronous
        self._loop = loop


class Blocking(Generic[A, P, S]):
    """A method of a façade: calls `method` of the asynchronous object and returns `adapt(result, loop)`."""

    def __init__(self, method: Callable[Concatenate[A, P], R], adapt: Callable[[R, LoopThread], S]) -> None:
        self._method = method
        self._adapt: Callable[[Any, LoopThread], S] = adapt
        # Signature and docstring for `help` and editors.
        functools.update_wrapper(self, method)  # type: ignore[arg-type]

    @overload
    def __get__(self, instance: None, owner: type[Facade[A]]) -> Self: ...

    @overload
    def __get__(self, instance: Facade[A], owner: type[Facade[A]]) -> Callable[P, S]: ...

    def __get__(self, instance: Facade[A] | None, owner: type[Facade[A]]) -> "Self | Callable[P, S]":
        if instance is None:
            return self
        facade = instance

        @functools.wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> S:
            return self._adapt(self._method(facade._asynchronous, *args, **kwargs), facade._loop)

        return call


class Renewing(Generic[P]):
    """A blocking method of a façade that returns a new object, in a façade of the same class."""

    def __init__(self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, Any]]) -> None:
        self._method = method
        functools.update_wrapper(self, method)  # type: ignore[arg-type]

    @overload
    def __get__(self, instance: None, owner: type[Facade[Any]]) -> Self: ...

    @overload
    def __get__(self, instance: F, owner: type[Facade[Any]]) -> Callable[P, F]: ...

    def __get__(self, instance: F | None, owner: type[Facade[Any]]) -> "Self | Callable[P, F]":
        if instance is None:
            return self
        facade = instance

        @functools.wraps(self._method)
        def call(*args: P.args, **kwargs: P.kwargs) -> F:
            loop = facade._loop
            return type(facade)(loop.run(self._method(facade._asynchronous, *args, **kwargs)), loop)

        return call


def blocking(method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]]) -> Blocking[A, P, R]:
    """Returns the blocking form of `method`."""
    return Blocking(method, lambda work, loop: loop.run(work))


def blocking_into(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]], facade: Callable[[R, LoopThread], S]
) -> Blocking[A, P, S]:
    """Returns the blocking form of `method`, whose result is wrapped in `facade`."""
    return Blocking(method, lambda work, loop: facade(loop.run(work), loop))


def renewing(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, Any]]) -> Renewing[P]:
    """Returns the blocking form of `method`, which returns a new object of its own class."""
    return Renewing(method)


def iterating(method: Callable[Concatenate[A, P], AsyncIterator[R]]) -> Blocking[A, P, Iterator[R]]:
    """Returns the blocking iterator form of `method`."""
    return Blocking(method, lambda source, loop: loop.iterate(source))


def iterating_into(
    method: Callable[Concatenate[A, P], AsyncIterator[R]], facade: Callable[[R, LoopThread], S]
) -> Blocking[A, P, Iterator[S]]:
    """Returns the blocking iterator form of `method`, each item of which is wrapped in `facade`."""
    return Blocking(method, lambda source, loop: (facade(item, loop) for item in loop.iterate(source)))


async def _next(source: AsyncIterator[R]) -> R:
    return await anext(source)


async def _close(source: AsyncIterator[Any]) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()
