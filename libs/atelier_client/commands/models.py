"""`atelier models`."""

from typing import TYPE_CHECKING, Annotated

import typer

from atelier_client import completion
from atelier_client.command import Json, with_client
from atelier_client.commands.complete import complete
from atelier_client.console import as_dict, result, result_json, size
from atelier_client.table import table

if TYPE_CHECKING:
    from atelier.models.v1.model_service_pb2 import Model
    from atelier_client.async_client import AsyncClient

app = typer.Typer(help="The models that can be asked for; load and unload are for administrators.")
Id = Annotated[str, typer.Argument(metavar="ID", help="The model's id.", autocompletion=completion.models)]


async def catalogue(
    client: "AsyncClient",
    kind: Annotated[str, typer.Option(help="Only models for this kind of jobs, such as image.")] = "",
    json: Json = False,
) -> None:
    """Lists the models, or loads and unloads one (administrators)."""
    async with complete(client.models(kind=kind)) as found:
        if json:
            result_json([as_dict(model) for model in found])
            return
        table(
            ("ID", "KIND", "STATE", "MEMORY", "NAME"),
            [
                (
                    model.id,
                    model.kind,
                    _state(model),
                    size(model.memory_bytes),
                    model.display_name + (" (default)" * model.is_default),
                )
                for model in found
            ],
            elastic="NAME",
            droppable=("MEMORY", "KIND"),
        )


async def load(client: "AsyncClient", model_id: Id, json: Json = False) -> None:
    """Asks the workers to load a model; `atelier watch` shows when it is READY."""
    _answer(await client.load_model(model_id), json)


async def unload(client: "AsyncClient", model_id: Id, json: Json = False) -> None:
    """Asks the workers to drop a model; a job that uses it finishes first."""
    _answer(await client.unload_model(model_id), json)


def _answer(model: "Model", json: bool) -> None:
    if json:
        result_json(as_dict(model))
    else:
        result(f"{model.id} {_state(model)}")


def _state(model: "Model") -> str:
    from atelier.type.v1.type_pb2 import ModelState

    return ModelState.Name(model.state)


app.callback(invoke_without_command=True)(with_client(catalogue))
app.command("load")(with_client(load))
app.command("unload")(with_client(unload))
