"""Workflows and nodes as messages of the contract, and back."""

import json

from google.protobuf.timestamp_pb2 import Timestamp

from atelier.workflow.v1 import workflow_pb2
from atelier_graph.input_spec import InputSpec
from atelier_graph.node_class import NodeClass
from atelier_workflow.domain.workflow import Definition, InputPath, InputType, NamedOutput, TypedInput, Workflow

_MOST_CHOICES = 1000


def workflow_path(workflow_id: str) -> str:
    """Returns the path of a workflow below the gateway."""
    return f"/api/v1/workflows/{workflow_id}"


def definition_from(message: workflow_pb2.WorkflowDefinition) -> Definition:
    """Reads what a workflow is made of."""
    return Definition(
        name=message.name,
        description=message.description,
        graph=message.graph,
        inputs=tuple(map(_typed_input_from, message.inputs)),
        outputs=tuple(NamedOutput(output.name, output.node_id) for output in message.outputs),
    )


def workflow_message(workflow: Workflow) -> workflow_pb2.Workflow:
    """Makes the record of a workflow."""
    path = workflow_path(workflow.id)
    return workflow_pb2.Workflow(
        id=workflow.id,
        version=workflow.version,
        latest_version=workflow.latest_version,
        etag=workflow.etag,
        definition=_definition_message(workflow.definition),
        node_count=workflow.node_count,
        published=workflow.published_version > 0,
        create_time=_timestamp(workflow.create_us),
        update_time=_timestamp(workflow.update_us),
        links=workflow_pb2.WorkflowLinks(self=path, execute=f"{path}/execute"),
    )


def node_summary(node: NodeClass) -> workflow_pb2.Node:
    """Makes the record of a node without its inputs and outputs."""
    return workflow_pb2.Node(
        class_type=node.name,
        display_name=node.display_name or node.name,
        description=node.description,
        category=node.category,
        pack=node.python_module,
        is_output=node.is_output,
        deprecated=node.deprecated,
        experimental=node.experimental,
    )


def node_message(node: NodeClass) -> workflow_pb2.Node:
    """Makes the record of a node."""
    message = node_summary(node)
    message.inputs.extend(_node_input(spec) for spec in node.inputs if spec.group != "hidden")
    for name, type_, is_list in zip(node.return_names, node.returns, node.output_is_list, strict=False):
        message.outputs.add(name=str(name), type=str(type_), is_list=bool(is_list))
    return message


def _node_input(spec: InputSpec) -> workflow_pb2.NodeInput:
    choices = spec.choices
    options = {name: value for name, value in spec.options.items() if name != "options"}
    return workflow_pb2.NodeInput(
        name=spec.name,
        type=str(spec.type) if choices is None else "COMBO",
        required=spec.group == "required",
        choices=[str(choice) for choice in (choices or [])[:_MOST_CHOICES]],
        options=json.dumps(options, default=str),
    )


def _typed_input_from(message: workflow_pb2.WorkflowInput) -> TypedInput:
    return TypedInput(
        name=message.name,
        type=InputType(message.type),
        targets=tuple(InputPath(target.node_id, target.input) for target in message.targets),
        description=message.description,
        default=message.default if message.HasField("default") else None,
        required=message.required,
        minimum=message.minimum if message.HasField("minimum") else None,
        maximum=message.maximum if message.HasField("maximum") else None,
        choices=tuple(message.choices),
    )


def _definition_message(definition: Definition) -> workflow_pb2.WorkflowDefinition:
    message = workflow_pb2.WorkflowDefinition(
        name=definition.name, description=definition.description, graph=definition.graph
    )
    for typed in definition.inputs:
        message.inputs.add(
            name=typed.name,
            type=workflow_pb2.InputType.ValueType(typed.type),
            targets=[workflow_pb2.NodeInputPath(node_id=path.node_id, input=path.input) for path in typed.targets],
            description=typed.description,
            default=typed.default,
            required=typed.required,
            minimum=typed.minimum,
            maximum=typed.maximum,
            choices=typed.choices,
        )
    for output in definition.outputs:
        message.outputs.add(name=output.name, node_id=output.node_id)
    return message


def _timestamp(time_us: int) -> Timestamp | None:
    """Microseconds since the epoch; None for 0: templates that ship have no time."""
    if not time_us:
        return None
    timestamp = Timestamp()
    timestamp.FromMicroseconds(time_us)
    return timestamp
