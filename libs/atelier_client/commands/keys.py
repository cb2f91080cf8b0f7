"""`atelier keys`."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from atelier_client import completion
from atelier_client.command import Json, with_client
from atelier_client.console import as_dict, moment, result, result_json, say, when
from atelier_client.table import table

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient

app = typer.Typer(help="Your API keys.")
_DAY_S = 86_400


async def keys(client: "AsyncClient", json: Json = False) -> None:
    """Lists your API keys, or makes and revokes one."""
    from atelier_client.scopes import scope_names  # here, since it loads protobuf

    found = [key async for key in client.keys.list()]
    if json:
        result_json([as_dict(key) for key in found])
        return
    table(
        ("ID", "NAME", "PREFIX", "USER", "SCOPES", "MADE", "ENDS", "LAST USED"),
        [
            (
                key.id,
                key.display_name,
                key.prefix,
                key.user_id + (" (admin)" * key.admin),
                scope_names(key.scopes),
                when(key.create_time),
                moment(key.expire_time) or "never",
                when(key.last_use_time) or "never",
            )
            for key in found
        ],
        elastic="NAME",
        droppable=("PREFIX", "MADE", "SCOPES", "USER", "LAST USED", "ENDS"),
    )


async def create(
    client: "AsyncClient",
    name: Annotated[str, Argument(help="What you call it.")],
    days: Annotated[int, Option(min=0, max=3650, help="Days that it lives; 0 for ever.")] = 0,
    user: Annotated[str, Option(help="Administrators: whose it is.")] = "",
    admin: Annotated[bool, Option("--admin", help="Administrators: give it the administrator's role.")] = False,
    scope: Annotated[
        list[str] | None, Option(help="What it may do: read, submit, keys; again for more. All of it when left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Makes a key. It is shown this once."""
    made = await client.keys.create(name, expires_in_s=days * _DAY_S, user_id=user, admin=admin, scopes=scope or ())
    if json:
        result_json(as_dict(made))
        return
    say(f"key {made.key.id}; it is shown this once:")
    result(made.api_key)


async def revoke(
    client: "AsyncClient",
    key_id: Annotated[str, Argument(metavar="ID", help="The key's id.", autocompletion=completion.keys)],
) -> None:
    """Ends a key at once."""
    await client.keys.revoke(key_id)
    result(f"{key_id} revoked")


async def listing(client: "AsyncClient", json: Json = False) -> None:
    """Lists your API keys, newest first."""
    await keys(client, json)


app.callback(invoke_without_command=True)(with_client(keys))
app.command("list")(with_client(listing))
app.command("create")(with_client(create))
app.command("revoke")(with_client(revoke))
