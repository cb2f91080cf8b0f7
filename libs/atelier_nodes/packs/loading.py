"""Loading packs: each is imported under its own name, and its node classes are registered.

A failure of a pack affects no other pack, and an invalid node class no other class; both are reported.
"""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from atelier_nodes.packs import model_folders, registry
from atelier_nodes.packs.compat_path import import_compat
from atelier_nodes.packs.environment import PackEnvironment
from atelier_nodes.packs.extra_paths import apply_extra_paths
from atelier_nodes.packs.import_failure import failure_line
from atelier_nodes.packs.pack import Pack, PackFormError, find_packs
from atelier_nodes.packs.pack_nodes import declared_nodes
from atelier_nodes.packs.report import PackReport


@dataclass(slots=True)
class LoadedPacks:
    """The loaded packs.

    Attributes:
        classes: Node classes of packs by name.
        display_names: Display names of those classes that have one.
        reports: One for each pack that was found, in the order of loading.
        web_dirs: Folders of scripts and styles, by their name below `/extensions/`.
    """

    classes: dict[str, type] = field(default_factory=dict)
    display_names: dict[str, str] = field(default_factory=dict)
    reports: list[PackReport] = field(default_factory=list)
    web_dirs: dict[str, Path] = field(default_factory=dict)


async def load_packs(
    folders: Sequence[Path],
    *,
    extra_paths: Sequence[Path] = (),
    skipped: Mapping[Path, str] | None = None,
    on_import: Callable[[Path], None] | None = None,
) -> LoadedPacks:
    """Loads every pack of the folders into this process.

    Args:
        folders: Folders of packs; a single `.py` file is a pack itself.
        extra_paths: YAML files that name more folders of packs and models.
        skipped: Packs that are not imported, with the reason: they ended an earlier process.
        on_import: Called with the path of each pack before its code runs: a pack that ends the process is known so.

    Raises:
        ExtraPathsError: An extra paths file cannot be read.
    """
    import_compat()
    for file in extra_paths:
        apply_extra_paths(file)
    places = list(dict.fromkeys([*map(str, folders), *model_folders.folders_of("custom_nodes")]))
    model_folders.FOLDERS["custom_nodes"][0][:] = places
    refused = skipped or {}
    announce = on_import or _announced_to_nobody
    packs = list(find_packs(map(Path, places)))
    tried = [pack for pack in packs if pack.path not in refused]
    notes = _activate_environments(tried)
    _run_prestartup_scripts(tried, announce, notes)
    loaded = LoadedPacks()
    for pack in packs:
        if pack.path in refused:
            report = PackReport(pack.name, pack.path, error=refused[pack.path])
        else:
            announce(pack.path)
            report = await _load(pack, loaded, notes[pack.path])
        loaded.reports.append(report)
    return loaded


def _announced_to_nobody(_: Path) -> None:
    """The default of `on_import`: does nothing."""


def _activate_environments(packs: Iterable[Pack]) -> dict[Path, list[str]]:
    """Adds the packages of all packs to the import path; returns missing and conflicting packages, by pack path."""
    notes: dict[Path, list[str]] = {}
    first: dict[str, tuple[str, str]] = {}
    for pack in packs:
        environment = PackEnvironment.of(pack)
        try:
            notes[pack.path] = _requirements_notes(environment, first)
            environment.activate()
        except (OSError, ValueError) as error:
            notes[pack.path] = [f"its requirements cannot be read: {error}"]
    return notes


def _requirements_notes(environment: PackEnvironment, first: dict[str, tuple[str, str]]) -> list[str]:
    """Returns the notes of one pack, and adds its packages to `first`: version and pack by the package's name."""
    notes: list[str] = []
    if missing := environment.missing():
        install = f"run `atelier nodes install {environment.pack.path}`"
        notes.append(f"requirements are not installed ({', '.join(missing)}): {install}")
    for name, version in environment.packages().items():
        found, owner = first.setdefault(name, (version, environment.pack.name))
        if found != version:
            notes.append(f"it brings {name} {version}, but gets {found} of pack {owner!r}, which is loaded before it")
    return notes


def _run_prestartup_scripts(
    packs: Iterable[Pack], announce: Callable[[Path], None], notes: Mapping[Path, list[str]]
) -> None:
    """Runs the scripts of all packs, before any pack is imported."""
    for pack in packs:
        if script := pack.prestartup:
            announce(pack.path)
            try:
                _import_file(f"{pack.module_name}_prestartup", script)
            except BaseException as error:  # noqa: BLE001 - whatever a pack's code raises is its report
                notes[pack.path].append(f"prestartup_script.py failed: {failure_line(error, pack)}")


async def _load(pack: Pack, loaded: LoadedPacks, notes: list[str]) -> PackReport:
    started = time.monotonic()
    registry.add_pack(pack)
    try:
        found = await declared_nodes(_import_file(pack.module_name, pack.source), pack)
    except BaseException as error:  # noqa: BLE001 - whatever a pack's code raises is its report
        return PackReport(
            pack.name,
            pack.path,
            error=failure_line(error, pack),
            notes=tuple(notes),
            seconds=time.monotonic() - started,
        )
    registry.NODE_CLASSES.update(found.classes)
    registry.DISPLAY_NAMES.update(found.display_names)
    registry.WEB_DIRECTORIES.update(found.web_dirs)
    loaded.classes.update(found.classes)
    loaded.display_names.update(found.display_names)
    loaded.web_dirs.update(found.web_dirs)
    return PackReport(
        pack.name,
        pack.path,
        nodes=tuple(sorted(found.classes)),
        notes=(*notes, *found.notes),
        seconds=time.monotonic() - started,
    )


def _import_file(name: str, file: Path) -> ModuleType:
    if not file.is_file():
        raise PackFormError(f"{file.name} is missing")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PackFormError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Relative imports inside the pack look for their parent here.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
