"""Settings of atelier-workflow and of atelier-workflow-worker."""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.policy.errors import CatalogueError
from atelier_diffusion.policy.model_card import ModelCard, ModelKind
from atelier_jobs.settings import JobApiSettings, JobWorkerSettings, database_url, job_peers, plane_address
from atelier_service.configuration import ConfigurationError

_STORAGE = "127.0.0.1:8102"
_KINDS: tuple[ModelKind, ...] = ("image", "video")


class WorkflowSettings(JobApiSettings):
    """Settings of the API process."""

    listen: str = Field(default="127.0.0.1:8107", description="host:port of the gRPC server; port 0 takes a free one")
    database_url: str = database_url("sqlite:///var/workflow.db")
    job_peers: str = job_peers("image=127.0.0.1:8103,video=127.0.0.1:8105")
    storage_address: str = Field(default=_STORAGE, description="host:port of atelier-storage")
    max_live_per_owner: int = Field(
        default=300, ge=1, le=1_000_000, description="unfinished jobs that one owner may have; more are refused"
    )
    max_workflows_per_owner: int = Field(
        default=1_000, ge=1, le=1_000_000, description="workflows that one owner may have; more are refused"
    )
    max_graph_nodes: int = Field(default=10_000, ge=1, le=100_000, description="nodes that a graph may have")


class WorkflowWorkerSettings(JobWorkerSettings):
    """Settings of the worker process."""

    plane_address: str = plane_address("127.0.0.1:8107")
    storage_address: str = Field(default="", description="host:port of atelier-storage; empty: plane_address")
    image_address: str = Field(default="127.0.0.1:8103", description="host:port of atelier-image")
    video_address: str = Field(default="127.0.0.1:8105", description="host:port of atelier-video")
    models: str = Field(
        default=os.pathsep.join(("models/catalogue.yaml", "var/models.yaml")),
        pattern=f"^[^{os.pathsep}]+({os.pathsep}[^{os.pathsep}]+)?$",
        description="the catalogues of the services that draw: nodes offer their models",
    )
    models_root: Path | None = Field(
        default=None,
        description="folder that relative model folders are taken from; unset: above the shipped catalogue's",
    )
    slots: int = Field(default=8, ge=1, le=64, description="executions held at once; most of them wait for other jobs")
    hosts: int = Field(default=2, ge=1, le=64, description="host processes that run graphs")
    host_memory_bytes: int = Field(
        default=0, ge=0, description="memory that one host may use; more ends it; 0: no limit of its own"
    )
    host_cache: str = Field(
        default="classic",
        pattern=r"^(classic|none|lru:\d{1,6}|ram(:\d+(\.\d+)?(:\d+(\.\d+)?)?)?)$",
        description="cache of results in a host: classic, lru:N, ram (:active GB:inactive GB) or none",
    )
    pack_folders: tuple[Path, ...] = Field(
        default=(), description="JSON list: folders of ComfyUI node packs, or single files, that hosts load"
    )
    work_dir: Path = Field(default=Path("var/workflows"), description="folder of the files of running executions")
    execution_timeout_s: float = Field(
        default=3600.0, gt=0, le=86_400, description="seconds after which an execution is stopped and FAILED"
    )
    max_graph_nodes: int = Field(
        default=10_000, ge=1, le=100_000, description="nodes that a graph may have, without those that expansions add"
    )
    report_s: float = Field(default=5.0, gt=0, le=10, description="seconds between two reports of this worker")
    store_patience_s: float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="seconds that a worker tries to store what an execution made, while storage is unavailable, before"
        " the execution is released",
    )

    def cards(self) -> Sequence[ModelCard]:
        """Reads the models of all kinds, of each kind the default first. Raises ConfigurationError."""
        shipped, *own = map(Path, self.models.split(os.pathsep))
        if not shipped.exists():
            raise ConfigurationError(f"ATELIER_MODELS={self.models}: there is no file {shipped.absolute()}")
        root = self.models_root or shipped.resolve().parent.parent
        found: list[ModelCard] = []
        try:
            for kind in _KINDS:
                cards = read_catalogue(shipped, own[0] if own else None, root=root, kind=kind).cards
                found += sorted(cards, key=lambda card: not card.is_default)
        except CatalogueError as error:
            raise ConfigurationError(str(error)) from error
        return found

    def check(self) -> list[str]:
        """Also checks that the catalogues can be read. Raises ConfigurationError."""
        self.cards()
        return super().check()
