"""`atelier upload`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from atelier_client.command import Json
from atelier_client.console import as_dict, result, result_json

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient


async def upload(
    client: "AsyncClient",
    file: Annotated[Path, Argument(help="A picture or film.")],
    name: Annotated[str | None, Option(help="Name to remember it by; its own by default.")] = None,
    json: Json = False,
) -> None:
    """Stores a file and prints its id."""
    asset = await client.upload(file, filename=name)
    if json:
        result_json(as_dict(asset))
    else:
        result(asset.id)
