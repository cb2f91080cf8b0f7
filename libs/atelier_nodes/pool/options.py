"""Pool options: how many hosts there are, what they load, and what they may do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atelier_nodes.mesh import ModelInfo
from atelier_nodes.protocol.execution import Folders


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """The options of a pool.

    Attributes:
        folders: Folders of executions without folders of their own, which otherwise must be below `root`.
        root: A further folder below which confined hosts may write: the parent of the executions' own folders.
        base: The folder of models and of users' settings, for packs; None for the parent of the output folder.
        hosts: The most hosts at a time, at least 1. One is started at once, others when a graph needs one.
        warm_hosts: How many hosts are loaded ahead, also when nothing runs: one at once, the others after it.
        cache: `classic`, `lru:N`, `none`, or `ram` with optional thresholds in GB, `ram:ACTIVE:INACTIVE`.
        pack_folders: Folders of packs, or single `.py` files.
        extra_model_paths: Files of extra model paths.
        network: True if hosts may use the network: the trusted mode, for one user.
        confine_files: True if hosts may write only to their folders and read only what they need; needs Landlock.
        memory_bytes: The most memory of one host with its children, in bytes; None for no limit.
        graphs_per_host: The most graphs of built-in nodes that run at a time in one host.
        environment: Names of environment variables that hosts receive besides those that every program needs.
        models: The models of the mesh at the start; `HostPool.set_models` replaces them.
        limits: Fields of `GraphLimits` that differ from its defaults.
        options: Settings that packs read, such as `cpu`.
        load_limit_s: The longest time for a host to load its nodes, in seconds.
        interrupt_grace_s: How long a graph has to end by itself after an interrupt or a time limit, in seconds.
        idle_s: Seconds without work after which hosts beyond those loaded ahead end.
    """

    folders: Folders
    root: Path | None = None
    base: Path | None = None
    hosts: int = 1
    warm_hosts: int = 1
    cache: str = "ram"
    pack_folders: tuple[Path, ...] = ()
    extra_model_paths: tuple[Path, ...] = ()
    network: bool = False
    confine_files: bool = True
    memory_bytes: int | None = None
    graphs_per_host: int = 16
    environment: tuple[str, ...] = ()
    models: Sequence[ModelInfo] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    load_limit_s: float = 300.0
    interrupt_grace_s: float = 0.75
    idle_s: float = 120.0
