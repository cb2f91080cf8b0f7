"""The `atelier nodes` command.

Exit codes: 0 every pack loaded, or was installed · 1 one did not · 2 wrong usage or an extra paths file that cannot be
read.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from atelier_nodes.command.pack_list import pack_list, pack_list_json
from atelier_nodes.packs.extra_paths import ExtraPathsError, read_extra_paths
from atelier_nodes.packs.installation import InstallationError, install_requirements
from atelier_nodes.packs.pack import Pack, find_packs
from atelier_nodes.pool.catalogue import NodeCatalogue
from atelier_nodes.pool.errors import HostLostError
from atelier_nodes.pool.host_pool import open_pool
from atelier_nodes.pool.options import PoolOptions
from atelier_nodes.protocol.execution import Folders


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    options = _parser().parse_args(arguments)
    # The output is the list; the log of the pool is not a part of it.
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    if options.command == "install":
        return _install(options.pack)
    return _list(options.packs or [Path("custom_nodes")], options.extra_model_paths_config, as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="atelier nodes", description="Loads packs of nodes as a host does, and lists what they hold."
    )
    parser.add_argument(
        "--packs",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="folder of packs, or a single .py file; may be repeated (default: custom_nodes)",
    )
    parser.add_argument(
        "--extra-model-paths-config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="YAML file that names more folders of packs and models; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    install = commands.add_parser("install", help="install the requirements of packs into environments of their own")
    install.add_argument("pack", type=Path, nargs="+", help="a pack's folder, or a folder of packs")
    return parser


def _list(folders: Sequence[Path], extra_paths: Sequence[Path], *, as_json: bool) -> int:
    try:
        for file in extra_paths:
            read_extra_paths(file)
    except ExtraPathsError as error:
        print(f"atelier nodes: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="atelier-nodes-") as base:
        try:
            catalogue = asyncio.run(_catalogue(Path(base), folders, extra_paths))
        except HostLostError as error:
            print(f"atelier nodes: {error}", file=sys.stderr)
            return 1
    print(json.dumps(pack_list_json(catalogue), indent=2) if as_json else pack_list(catalogue))
    return 1 if any(pack.error for pack in catalogue.packs) else 0


async def _catalogue(base: Path, folders: Sequence[Path], extra_paths: Sequence[Path]) -> NodeCatalogue:
    options = PoolOptions(
        folders=Folders(base / "input", base / "output", base / "temp"),
        base=base,
        pack_folders=tuple(folder.absolute() for folder in folders),
        extra_model_paths=tuple(file.absolute() for file in extra_paths),
        network=True,
        confine_files=False,
    )
    async with open_pool(options) as pool:
        return await pool.catalogue()


def _install(paths: Sequence[Path]) -> int:
    failed = False
    for pack in [pack for path in paths for pack in _packs_at(path)]:
        print(f"installing the requirements of {pack.name} …", flush=True)
        try:
            environment = install_requirements(pack)
        except InstallationError as error:
            failed = True
            print(f"atelier nodes: {error}", file=sys.stderr)
        else:
            print(f"installed into {environment.path}")
    return int(failed)


def _packs_at(path: Path) -> list[Pack]:
    """Returns the pack at a path, or those with requirements in a folder of packs."""
    pack = Pack.at(path.resolve())
    if not path.is_dir() or pack.source.is_file() or pack.requirements:
        return [pack]
    return [found for found in find_packs([path]) if found.requirements]
