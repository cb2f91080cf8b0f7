"""The nodes that an imported pack declares: V1 by `NODE_CLASS_MAPPINGS`, V3 by `comfy_entrypoint`."""

import inspect
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from atelier_graph.errors import NodeDeclarationError
from atelier_graph.node_class import NodeClass
from atelier_nodes.packs import registry
from atelier_nodes.packs.import_failure import failure_line
from atelier_nodes.packs.pack import Pack, PackFormError


@dataclass(slots=True)
class NodesOfPack:
    """The declarations of one pack.

    Attributes:
        classes: Node classes by name.
        display_names: Display names of those classes that have one.
        web_dirs: Folders of scripts and styles, by their name below `/extensions/`.
        notes: What was left out and why, one line each.
    """

    classes: dict[str, type] = field(default_factory=dict)
    display_names: dict[str, str] = field(default_factory=dict)
    web_dirs: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


async def declared_nodes(module: ModuleType, pack: Pack) -> NodesOfPack:
    """Returns the declarations of a pack's module; an invalid class becomes a note.

    Raises:
        PackFormError: It declares neither nodes nor a web directory.
        Exception: Anything that the entry point of the pack raises.
    """
    found = NodesOfPack()
    _add_web_directories(module, pack, found)
    mappings = getattr(module, "NODE_CLASS_MAPPINGS", None)
    entrypoint = getattr(module, "comfy_entrypoint", None)
    if mappings is not None:
        names = getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) or {}
        for name, node_class in mappings.items():
            _add(found, pack, name, node_class, names.get(name, ""))
    elif entrypoint is not None:
        await _add_extension(entrypoint, pack, found)
    elif not found.web_dirs:
        raise PackFormError("it has neither NODE_CLASS_MAPPINGS nor comfy_entrypoint")
    return found


async def _add_extension(entrypoint: Any, pack: Pack, found: NodesOfPack) -> None:
    extension = await _awaited(entrypoint())
    if not hasattr(extension, "get_node_list"):
        raise PackFormError(f"comfy_entrypoint returned {type(extension).__name__}, which is no ComfyExtension")
    if hasattr(extension, "on_load"):
        await _awaited(extension.on_load())
    node_list = await _awaited(extension.get_node_list())
    if not isinstance(node_list, list):
        raise PackFormError(f"get_node_list returned {type(node_list).__name__}, which is no list")
    for node_class in node_list:
        try:
            schema = node_class.GET_SCHEMA()
        except BaseException as error:  # noqa: BLE001 - code of the pack
            found.notes.append(f"{getattr(node_class, '__name__', node_class)}: {failure_line(error, pack)}")
            continue
        _add(found, pack, schema.node_id, node_class, schema.display_name or "")


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _add(found: NodesOfPack, pack: Pack, name: object, node_class: object, display_name: str) -> None:
    if not isinstance(name, str):
        found.notes.append(f"{name!r} is no name of a node class")
    elif registry.is_builtin(name):
        found.notes.append(f"{name}: a node of this name ships; the pack's own is not used")
    elif fault := _fault(name, node_class):
        found.notes.append(f"{name}: {fault}")
    else:
        assert isinstance(node_class, type)
        if earlier := registry.NODE_CLASSES.get(name):
            origin = getattr(earlier, "RELATIVE_PYTHON_MODULE", "another module")
            found.notes.append(f"{name}: it replaces the node of this name of {origin}")
        if not node_class.__module__.startswith("atelier_nodes."):  # a node that ships may get one more name
            setattr(node_class, "RELATIVE_PYTHON_MODULE", pack.python_module)  # noqa: B010 - what the front end reads
        found.classes[name] = node_class
        if display_name:
            found.display_names[name] = display_name


def _fault(name: str, node_class: object) -> str:
    if not isinstance(node_class, type):
        return f"it is a {type(node_class).__name__}, not a class"
    try:
        NodeClass.of(name, node_class)
    except NodeDeclarationError as error:
        return str(error).removeprefix(f"Node class {name!r}").lstrip(": ")
    except BaseException as error:  # noqa: BLE001 - attributes of a class may be code of the pack
        return f"{type(error).__name__}: {error}"
    return ""


def _add_web_directories(module: ModuleType, pack: Pack, found: NodesOfPack) -> None:
    if not pack.path.is_dir():
        return
    project = pack.project()
    web = project.get("tool", {}).get("comfy", {}).get("web")
    for name, folder in (
        (pack.name, getattr(module, "WEB_DIRECTORY", None)),
        (project.get("project", {}).get("name") or pack.name, web),
    ):
        if folder and (path := (pack.path / folder).resolve()).is_dir():
            found.web_dirs[name] = path
