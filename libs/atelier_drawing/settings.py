"""Settings of services that draw with models, and of their workers; each adds its own in a subclass."""

import os
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.policy.errors import CatalogueError
from atelier_diffusion.policy.model_card import ModelKind
from atelier_jobs.settings import JobSettings, JobWorkerSettings
from atelier_service.configuration import ConfigurationError


class DrawingSettings(JobSettings):
    """Settings of the API process and of the worker."""

    kind: ClassVar[ModelKind]
    """The kind of the models that it draws with."""

    storage_address: str = Field(default="127.0.0.1:8102", description="host:port of atelier-storage")
    models: str = Field(
        default=os.pathsep.join(("models/catalogue.yaml", "var/models.yaml")),
        pattern=f"^[^{os.pathsep}]+({os.pathsep}[^{os.pathsep}]+)?$",
        description="the catalogue that ships, then (after a path separator) your own, laid over it; may be absent",
    )
    models_root: Path | None = Field(
        default=None,
        description="folder that relative model folders are taken from; unset: above the shipped catalogue's",
    )

    def catalogue(self) -> Catalogue:
        """Reads the models of this service's kind. Raises ConfigurationError."""
        shipped, *own = map(Path, self.models.split(os.pathsep))
        if not shipped.exists():
            raise ConfigurationError(f"ATELIER_MODELS={self.models}: there is no file {shipped.absolute()}")
        root = self.models_root or shipped.resolve().parent.parent
        try:
            return read_catalogue(shipped, own[0] if own else None, root=root, kind=self.kind)
        except CatalogueError as error:
            raise ConfigurationError(str(error)) from error

    def check(self) -> list[str]:
        """Reads the catalogue. A model whose folder is missing is worth a warning: the others work."""
        missing = [card for card in self.catalogue().cards if card.folder is not None and not card.folder.is_dir()]
        return [*super().check(), *(f"model {card.id!r}: there is no folder {card.folder}" for card in missing)]


class DrawingWorkerSettings(JobWorkerSettings, DrawingSettings):
    """Settings of a worker process."""

    storage_address: str = Field(default="", description="host:port of atelier-storage; empty: plane_address")
    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|cuda|cuda:\d+)$", description="what draws: auto, cpu, cuda or cuda:N"
    )
    dtype: Literal["", "float32", "float16", "bfloat16"] = Field(
        default="", description="number format of the weights; empty: float32 on a CPU, bfloat16 on CUDA"
    )
    torch_threads: int = Field(default=0, ge=0, le=1024, description="CPU threads of torch; 0: the physical cores")
    memory_budget_bytes: int = Field(
        default=0, ge=0, description="memory for the weights of loaded models; 0: 80 % of what is free at the start"
    )
    cache_folder: Path | None = Field(
        default=None, description="folder for downloaded models; unset: where the hubs' own tools keep them"
    )
    model_index: Path | None = Field(
        default=None,
        description="file that remembers the hashes of models' weights; unset: they are hashed in every engine process",
    )
    hf_endpoint: str = Field(
        default="", pattern=r"^(https?://\S+)?$", description="URL of a Hugging Face mirror; empty: Hugging Face itself"
    )
    preload: bool = Field(default=True, description="load the default model at the start")
    report_s: float = Field(default=5.0, gt=0, le=10, description="seconds between two reports of this worker")
    store_patience_s: float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="seconds that a worker keeps what it made and tries to store it, while storage does not take it,"
        " before the job is given back",
    )
