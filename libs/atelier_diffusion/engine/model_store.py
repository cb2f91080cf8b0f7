"""The model store: the port to models' files and weights, and the status of a model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from atelier_diffusion.policy.model_card import NO_FACTS, FileFacts, ModelCard


class ModelState(StrEnum):
    """The state of a model in this process."""

    UNLOADED = "UNLOADED"
    LOADING = "LOADING"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The status of one model.

    Attributes:
        revision: Names the weights: those that are loaded, or those that loading would read; empty while unknown.
        memory_bytes: Memory that the weights take; 0 unless READY.
        reason: Of the `ModelLoadError`, when FAILED.
        message: Of the same.
        facts: What the model's files say; empty before they were located.
    """

    model_id: str
    state: ModelState
    revision: str = ""
    memory_bytes: int = 0
    reason: str = ""
    message: str = ""
    facts: FileFacts = NO_FACTS


class LoadedModel(Protocol):
    """A model in memory."""

    @property
    def memory_bytes(self) -> int:
        """Memory that its weights take, as measured."""
        ...

    def close(self) -> None:
        """Releases the memory."""
        ...


ModelT = TypeVar("ModelT", bound=LoadedModel)
ModelT_co = TypeVar("ModelT_co", bound=LoadedModel, covariant=True)


class LocatedModel(Protocol[ModelT_co]):
    """A model whose files are on this machine. Everything is cheap except `load`."""

    @property
    def revision(self) -> str:
        """Names the weights that were loaded; empty before `load`."""
        ...

    @property
    def needed_bytes(self) -> int:
        """Memory that its weights will take, as estimated from their files."""
        ...

    @property
    def file_facts(self) -> FileFacts:
        """What its files say."""
        ...

    def load(self) -> ModelT_co:
        """Reads the weights to the device.

        Raises:
            ModelLoadError: They cannot be loaded.
        """
        ...

    def is_replaced(self) -> bool:
        """Whether the loaded files were replaced by others that can be loaded."""
        ...


class ModelStore(Protocol[ModelT_co]):
    """The port to the models' files."""

    def locate(self, card: ModelCard) -> LocatedModel[ModelT_co]:
        """Finds or downloads the model's files.

        Raises:
            ModelLoadError: There are none, or they cannot be downloaded.
        """
        ...

    def known_revision(self, card: ModelCard) -> str:
        """The revision that loading the model now would read; empty if that is unknown without reading it. Cheap."""
        ...
