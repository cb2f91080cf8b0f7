"""Readable places: files that a confined host may read besides Python, its libraries and its writable folders."""

from collections.abc import Iterator
from pathlib import Path

import structlog

from atelier_nodes.packs.extra_paths import ExtraPathsError, read_extra_paths
from atelier_nodes.pool.options import PoolOptions

_log = structlog.get_logger(__name__)


def readable_places(options: PoolOptions, base: Path) -> Iterator[Path]:
    """Yields the folders and files of inputs, models and packs, those that extra paths files name included.

    Args:
        options: The options of the pool.
        base: The folder of models and of users' settings.
    """
    yield options.folders.input
    yield base / "models"
    yield from options.pack_folders
    for file in options.extra_model_paths:
        yield file
        try:
            yield from (Path(extra.folder) for extra in read_extra_paths(file))
        except ExtraPathsError as error:
            # The host fails on it too, and its failure is that of the pool.
            _log.error("an extra paths file cannot be read", why=str(error))
