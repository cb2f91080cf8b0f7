"""`atelier workflow`."""

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from atelier_client.command import Json, with_client
from atelier_client.commands.drawing import Labels, Parent, Priority, answer, drawn, given
from atelier_client.commands.node_bars import node_bars
from atelier_client.console import as_dict, moment, pairs, result, result_json, when
from atelier_client.graph_file import GraphFile, value_like
from atelier_client.table import table

if TYPE_CHECKING:
    from atelier.workflow.v1.workflow_pb2 import Workflow
    from atelier_client.async_client import AsyncClient
    from atelier_client.execution import AsyncExecution

app = typer.Typer(
    help="Graphs of nodes, in ComfyUI's API format: run, store, list and show them.", no_args_is_help=True
)

Id = Annotated[str, Argument(metavar="ID", help="The workflow's or template's id.")]
_ASSETS = {"IMAGE", "MASK", "LATENT", "VIDEO"}
_NUMBERS: dict[str, Any] = {"INT": 0, "FLOAT": 0.0, "BOOLEAN": False}


async def run(
    client: "AsyncClient",
    graph: Annotated[str, Argument(help="A file with a graph in API format, or the id of a workflow or a template.")],
    inputs: Annotated[
        list[str] | None,
        Option(
            "--input",
            "-i",
            metavar="NAME=VALUE",
            help="Sets an input: a typed one, NODE.INPUT, or prompt, seed … where that is clear. A file is uploaded.",
        ),
    ] = None,
    output: Annotated[
        Path, Option("--output", "-o", help="Folder for the files that the graph saves; it is made if needed.")
    ] = Path(),
    version: Annotated[int, Option(help="The version of a workflow; by default the newest.")] = 0,
    metadata: Labels = None,
    priority: Priority = None,
    parent: Parent = "",
    wait: Annotated[bool, Option("--wait/--no-wait", help="Wait for the end, or only print the id.")] = True,
    json: Json = False,
) -> None:
    """Runs a graph from a file, or a workflow by its id. Ctrl-C cancels it."""
    labels: dict[str, str] = given(metadata=metadata)["metadata"]
    asked = [_pair(text) for text in inputs or ()]
    file = Path(graph)
    if file.suffix or _is_file(graph):
        document = GraphFile.read(file)
        asset_ids = []
        for name, text in asked:
            value = await _uploaded(client, text)
            asset_ids += [value] if value != text else []
            document.assign(name, value)
        submitting = client.executions.run(
            document.graph, asset_ids=asset_ids, metadata=labels, wait=False, priority=priority, parent_id=parent
        )
    else:
        workflow = await client.workflows.get(graph, version)
        values = {name: await _value(client, workflow, name, text) for name, text in asked}
        submitting = client.executions.execute(
            graph, values, version=version, metadata=labels, wait=False, priority=priority, parent_id=parent
        )
    execution = await drawn(submitting, wait=wait, screen=node_bars)
    if wait:
        output.mkdir(parents=True, exist_ok=True)
    files = await execution.save_all(output) if wait else []
    answer(execution, files, json=json)
    if wait and not json:
        _say_values(execution)


async def listed(
    client: "AsyncClient",
    templates: Annotated[bool, Option("--templates", help="The templates, which everybody can run.")] = False,
    limit: Annotated[int, Option(min=1, help="At most so many.")] = 20,
    json: Json = False,
) -> None:
    """Lists your workflows, newest first, or the templates."""
    if templates:
        found = list(await client.workflows.templates())
    else:
        found = [workflow async for workflow in client.workflows.list(limit=limit)]
    if json:
        result_json([as_dict(workflow) for workflow in found])
        return
    rows = [
        (each.id, str(each.version), str(each.node_count), when(each.update_time), each.definition.name)
        for each in found
    ]
    table(("ID", "VERSION", "NODES", "CHANGED", "NAME"), rows, elastic="NAME", droppable=("CHANGED", "NODES"))


async def show(
    client: "AsyncClient",
    workflow_id: Id,
    version: Annotated[int, Option(help="A version; by default the newest.")] = 0,
    graph: Annotated[bool, Option("--graph", help="Print the graph alone.")] = False,
    json: Json = False,
) -> None:
    """Shows a workflow: its inputs, outputs and versions."""
    workflow = await client.workflows.get(workflow_id, version)
    if graph:
        result(workflow.definition.graph)
        return
    if json:
        result_json(as_dict(workflow))
        return
    from atelier.workflow.v1.workflow_pb2 import InputType

    definition = workflow.definition
    pairs(
        [
            ("id", workflow.id),
            ("name", definition.name),
            ("description", definition.description),
            ("version", f"{workflow.version} of {workflow.latest_version}"),
            ("nodes", str(workflow.node_count)),
            ("changed", moment(workflow.update_time)),
            ("template", "yes" if workflow.published else ""),
        ]
    )
    rows = [
        (each.name, InputType.Name(each.type), "required" if each.required else each.default, each.description)
        for each in definition.inputs
    ]
    if rows:
        result("")
        table(("INPUT", "TYPE", "DEFAULT", "MEANING"), rows, elastic="MEANING", droppable=("DEFAULT",))


async def create(
    client: "AsyncClient",
    file: Annotated[
        Path | None, Argument(help="A file with a graph in API format, or with a workflow.", show_default=False)
    ] = None,
    name: Annotated[str, Option(help="A name; by default the file's.")] = "",
    description: Annotated[str, Option(help="What it does.")] = "",
    template: Annotated[str, Option(metavar="ID", help="Copy a template instead of a file.")] = "",
    update: Annotated[str, Option(metavar="ID", help="Store it as a new version of this workflow.")] = "",
    json: Json = False,
) -> None:
    """Stores a graph as a workflow, and prints its id."""
    if (file is None) == (not template):
        raise ValueError("give a FILE, or --template ID")
    if file is None:
        workflow = await client.workflows.create(name or template, description=description, template_id=template)
    else:
        workflow = await _stored(client, GraphFile.read(file), name or file.stem, description, update)
    if json:
        result_json(as_dict(workflow))
    else:
        result(workflow.id)


async def _stored(client: "AsyncClient", document: GraphFile, name: str, description: str, update: str) -> "Workflow":
    from google.protobuf import json_format

    from atelier.workflow.v1.workflow_pb2 import WorkflowInput, WorkflowOutput

    definition = document.definition
    inputs = [json_format.ParseDict(_typed(each), WorkflowInput()) for each in definition.get("inputs", [])]
    outputs = [json_format.ParseDict(each, WorkflowOutput()) for each in definition.get("outputs", [])]
    description = description or str(definition.get("description", ""))
    if update:
        return await client.workflows.update(
            update, name, document.graph, description=description, inputs=inputs, outputs=outputs
        )
    return await client.workflows.create(name, document.graph, description=description, inputs=inputs, outputs=outputs)


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    """Returns a typed input in the form of its message, whose default is text."""
    default = values.get("default")
    if default is None or isinstance(default, str):
        return values
    return values | {"default": dumps(default)}


async def _value(client: "AsyncClient", workflow: "Workflow", name: str, text: str) -> Any:
    """Returns the value of a typed input. Raises ValueError for an unknown name or an invalid number."""
    from atelier.workflow.v1.workflow_pb2 import InputType

    types = {each.name: InputType.Name(each.type) for each in workflow.definition.inputs}
    if name not in types:
        raise ValueError(f"--input {name}: the workflow has {', '.join(sorted(types)) or 'no inputs'}")
    if types[name] in _ASSETS:
        return await _uploaded(client, text)
    return value_like(_NUMBERS.get(types[name]), text, name)


async def _uploaded(client: "AsyncClient", text: str) -> str:
    """Uploads the file that `text` names and returns the id of the asset; `text` itself when it names no file."""
    return (await client.upload(Path(text))).id if _is_file(text) else text


def _is_file(text: str) -> bool:
    return len(text) < 256 and Path(text).is_file()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--input {text!r} is not of the form name=value")
    return name, value


def _say_values(execution: "AsyncExecution") -> None:
    for output in execution.outputs:
        if output.value:
            result(f"{output.name or output.node_id}.{output.field}: {output.value}")


app.command("run")(with_client(run))
app.command("list")(with_client(listed))
app.command("show")(with_client(show))
app.command("create")(with_client(create))
