"""Commands: asynchronous functions that take a client, adapted to typer."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from atelier_client.settings import DEV_FILE, ClientSettings
from atelier_client.standard_output import OutputClosedError

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient

P = ParamSpec("P")

Url = Annotated[str, typer.Option("--url", help="REST base; by default ATELIER_URL.", show_default=False)]
Grpc = Annotated[bool, typer.Option("--grpc", help="Use gRPC, at the address in ATELIER_GRPC.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.", show_default=False)]


@dataclass(frozen=True)
class Options:
    """How to reach the mesh, from the options of the command line."""

    url: str = ""
    grpc: bool = False

    def within(self, outer: "Options | None") -> "Options":
        """Returns these options; where they are empty, those of the outer command."""
        return Options(self.url or (outer.url if outer else ""), self.grpc or bool(outer and outer.grpc))

    def open(self) -> "AsyncClient":
        """Creates the client. Raises ValueError for invalid settings."""
        from atelier_client.async_client import AsyncClient
        from atelier_client.retry import RetryPolicy

        settings = ClientSettings.read(file=DEV_FILE)
        # A person is waiting at the terminal.
        patience = RetryPolicy(attempts=3)
        if not self.grpc:
            return AsyncClient(self.url or settings.url, settings.api_key, retry=patience)
        if not settings.grpc:
            raise ValueError("--grpc needs ATELIER_GRPC, such as 127.0.0.1:8080")
        return AsyncClient.over_grpc(settings.grpc, settings.api_key, retry=patience)


def with_client(
    function: "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, None]]",
) -> Callable[..., None]:
    """Returns a command for typer with the parameters of `function` and the options of the connection.

    Args:
        function: Called with the open client and its own options. As the callback of a group it is called only when no
            subcommand is.
    """

    def run(ctx: typer.Context, /, *args: Any, url: str, grpc: bool, **kwargs: Any) -> None:
        options = Options(url, grpc).within(ctx.obj)
        if ctx.invoked_subcommand is not None:
            ctx.obj = options
            return

        async def work() -> None:
            async with options.open() as client:
                await function(client, *args, **kwargs)

        try:
            asyncio.run(work())
        except BrokenPipeError as error:
            raise OutputClosedError from error  # typer would handle a BrokenPipeError itself

    parameters = list(inspect.signature(function).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shown = [
        inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in parameters),
        inspect.Parameter("url", keyword, annotation=Url, default=""),
        inspect.Parameter("grpc", keyword, annotation=Grpc, default=False),
    ]

    def command(**values: Any) -> None:
        run(values.pop("ctx"), **values)

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return command
