"""The templates that ship: workflows in the package, each in a file named after its id."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atelier_workflow.domain.workflow import Definition, InputPath, InputType, NamedOutput, TypedInput, Workflow

_FOLDER = Path(__file__).parent / "templates"
_ORDER = ("text-to-image", "image-to-image", "inpaint", "two-passes", "seed-grid", "picture-to-clip")


def shipped_templates() -> Mapping[str, Workflow]:
    """Reads the templates, by id, in the order in which they are listed."""
    return {template_id: _template(template_id) for template_id in _ORDER}


def _template(template_id: str) -> Workflow:
    values: dict[str, Any] = json.loads((_FOLDER / f"{template_id}.json").read_text("utf-8"))
    definition = Definition(
        name=values["name"],
        description=values["description"],
        graph=json.dumps(values["graph"]),
        inputs=tuple(map(_typed_input, values["inputs"])),
        outputs=tuple(NamedOutput(**output) for output in values["outputs"]),
    )
    return Workflow(
        id=template_id,
        owner="",
        version=1,
        latest_version=1,
        published_version=1,
        definition=definition,
        node_count=len(values["graph"]),
        create_us=0,
        update_us=0,
    )


def _typed_input(values: dict[str, Any]) -> TypedInput:
    targets = tuple(InputPath(**target) for target in values["targets"])
    return TypedInput(**values | {"type": InputType[values["type"]], "targets": targets})
