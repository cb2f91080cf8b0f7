"""Writes the tables of docs/configuration.md from the settings classes themselves.

`python -m tools.configuration` rewrites what lies between the marks; `--check` says whether it is up to date.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from atelier_auth.settings import AuthSettings
from atelier_drawing.settings import DrawingSettings, DrawingWorkerSettings
from atelier_events.settings import EventsSettings
from atelier_gateway.settings import GatewaySettings
from atelier_image.settings import ImageSettings, ImageWorkerSettings
from atelier_jobs.settings import JobApiSettings, JobSettings, JobWorkerSettings
from atelier_mesh.settings import MeshSettings
from atelier_migrate.settings import MigrateSettings
from atelier_service.settings import ServiceSettings, StreamSettings
from atelier_storage.settings import StorageSettings
from atelier_video.settings import VideoSettings, VideoWorkerSettings
from atelier_workflow.settings import WorkflowSettings, WorkflowWorkerSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
BEGIN = "<!-- begin: written by tools/configuration.py -->\n"
END = "<!-- end -->\n"


@dataclass(frozen=True, slots=True)
class Group:
    """A table: the settings of `settings` that none of `beyond` has already, or that have another default there."""

    heading: str
    settings: type[BaseSettings]
    beyond: tuple[type[BaseSettings], ...] = ()


GROUPS = (
    Group("The mesh on one machine (`atelier-mesh`, `make run`, `make demo`)", MeshSettings),
    Group("The gateway (`atelier-gateway`)", GatewaySettings),
    Group("atelier-migrate", MigrateSettings),
    Group("Every service", ServiceSettings),
    Group("Services that stream events: atelier-events, and those that draw", StreamSettings, (ServiceSettings,)),
    Group("atelier-auth", AuthSettings, (ServiceSettings,)),
    Group("atelier-storage", StorageSettings, (ServiceSettings,)),
    Group("atelier-events", EventsSettings, (StreamSettings,)),
    Group("Services that run jobs, and their workers", JobSettings, (ServiceSettings,)),
    Group("Services that run jobs", JobApiSettings, (JobSettings, StreamSettings)),
    Group("Workers", JobWorkerSettings, (JobSettings,)),
    Group("Services that draw, and their workers", DrawingSettings, (JobSettings,)),
    Group("Workers that draw", DrawingWorkerSettings, (DrawingSettings, JobWorkerSettings)),
    Group("atelier-image", ImageSettings, (DrawingSettings, JobApiSettings)),
    Group("atelier-image-worker", ImageWorkerSettings, (DrawingWorkerSettings,)),
    Group("atelier-video", VideoSettings, (DrawingSettings, JobApiSettings)),
    Group("atelier-video-worker", VideoWorkerSettings, (DrawingWorkerSettings,)),
    Group("atelier-workflow", WorkflowSettings, (JobApiSettings,)),
    Group("atelier-workflow-worker", WorkflowWorkerSettings, (JobWorkerSettings,)),
)


def environment_name(settings: type[BaseSettings], name: str) -> str:
    """The variable that sets a field."""
    return f"{settings.model_config['env_prefix']}{name}".upper()


def fields_of(group: Group) -> dict[str, FieldInfo]:
    """The fields of a group's table."""
    before = {name: field for settings in group.beyond for name, field in settings.model_fields.items()}
    return {
        name: field
        for name, field in group.settings.model_fields.items()
        if not _gets_default(group, name) and (name not in before or before[name].default != field.default)
    }


def _gets_default(group: Group, name: str) -> bool:
    """Whether a required field gets a default, and so a row, in the class of another group."""
    return group.settings.model_fields[name].is_required() and any(
        issubclass(other.settings, group.settings) and not other.settings.model_fields[name].is_required()
        for other in GROUPS
    )


def table(group: Group) -> str:
    """A group as Markdown."""
    rows = [
        f"| `{variable}` | {_default(name, field)} | {_bounds(field)} | {meaning(field)} |"
        for name, field in fields_of(group).items()
        for variable in [environment_name(group.settings, name)]
    ]
    head = ["| variable | default | bounds | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([f"### {group.heading}", "", *head, *rows, ""])


def page(text: str) -> str:
    """`text` with new tables. Raises ValueError when a mark is missing."""
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE.name} has lost its marks")
    return before + BEGIN + "\n" + "\n".join(map(table, GROUPS)) + "\n" + END + after


def meaning(field: FieldInfo) -> str:
    """A field's description as a cell of a table."""
    return (field.description or "").replace("|", r"\|").replace("<", "&lt;")


def _default(name: str, field: FieldInfo) -> str:
    value: Any = field.default
    if field.is_required():
        return "required"
    if name == "worker_id":
        return "host name and process id"
    if name == "project_dir":
        return "where Atelier is installed from"
    if name == "folder":
        return "the files that ship with `atelier_gateway`"
    if name in ("spool_dir", "scratch_dir"):
        return "the system's folder for temporary files"
    if value is PydanticUndefined:
        value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", {}, ()):
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _bounds(field: FieldInfo) -> str:
    return ", ".join(_rules(field)).replace("|", r"\|")


def _rules(field: FieldInfo) -> Iterator[str]:
    for rule in field.metadata:
        match rule:
            case annotated_types.Ge():
                yield f"≥ {rule.ge}"
            case annotated_types.Gt():
                yield f"> {rule.gt}"
            case annotated_types.Le():
                yield f"≤ {rule.le}"
            case annotated_types.Lt():
                yield f"< {rule.lt}"
            case _ if pattern := getattr(rule, "pattern", None):
                yield f"`{pattern}`"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is not up to date")
    check = parser.parse_args().check
    written = PAGE.read_text("utf-8")
    wanted = page(written)
    if check:
        if written != wanted:
            sys.exit("docs/configuration.md is not up to date: run `python -m tools.configuration`")
    else:
        PAGE.write_text(wanted, "utf-8")


if __name__ == "__main__":
    main()
