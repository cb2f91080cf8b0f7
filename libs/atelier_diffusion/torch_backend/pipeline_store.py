"""The model store of the torch backend: finds or downloads model files and loads them as diffusers pipelines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

import torch

from atelier_diffusion.catalogue.file_facts import read_file_facts
from atelier_diffusion.engine.clip_model import ClipModel, ModelFacts
from atelier_diffusion.engine.model_store import LoadedModel
from atelier_diffusion.policy.clip_memory import ClipFacts
from atelier_diffusion.policy.errors import EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import DTYPE_BYTES, FileFacts, ModelCard
from atelier_diffusion.policy.pipeline_call import PipelineCall
from atelier_diffusion.policy.pipeline_facts import PipelineFacts
from atelier_diffusion.torch_backend.called_pipeline import CalledPipeline
from atelier_diffusion.torch_backend.clip_loop import DiffusersClipLoop
from atelier_diffusion.torch_backend.device import Device, torch_dtype
from atelier_diffusion.torch_backend.image_loop import DiffusersLoop
from atelier_diffusion.torch_backend.pipeline_reader import (
    detach_from_files,
    pipeline_class,
    quiet,
    read_known_pipeline,
    read_pipeline,
)
from atelier_diffusion.weights.hub import Hub
from atelier_diffusion.weights.model_folder import PIPELINES, ModelFolder
from atelier_diffusion.weights.model_revisions import FileStamp, ModelRevisions, Stamps, stamps, with_folders

ModelT_co = TypeVar("ModelT_co", bound=LoadedModel, covariant=True)

# The variant that hubs call half precision; many repositories have no other.
_USUAL_VARIANT = "fp16"

PipelineReader: TypeAlias = Callable[[ModelFolder, torch.dtype], Any]
"""Reads a pipeline from a folder, with weights of that precision."""


@dataclass(slots=True)
class LocatedPipeline(Generic[ModelT_co]):
    """A model whose folder is on this machine and was checked. Implements `LocatedModel`.

    Attributes:
        revision: Names the weights; empty until loading has hashed them, unless a hub's commit names them.
        read: Reads the pipeline.
        make: Makes the engine's model of the pipeline, once that is on the device.
        loaded_stamps: The files that were loaded.
        unchanged_stamps: Of the files and their folders, when `is_replaced` last read them.
    """

    card: ModelCard
    folder: ModelFolder
    revision: str
    revisions: ModelRevisions
    device: Device
    read: PipelineReader
    make: Callable[[Any], ModelT_co]
    loaded_stamps: Stamps = field(default_factory=dict)
    unchanged_stamps: Stamps = field(default_factory=dict)

    @property
    def needed_bytes(self) -> int:
        """Memory that the weights will take."""
        return self.folder.needed_bytes(self.device.dtype_for(self.card.dtype))

    @property
    def file_facts(self) -> FileFacts:
        """See `LocatedModel.file_facts`."""
        return read_file_facts(self.folder.path)

    def load(self) -> ModelT_co:
        """Reads the weights to the device.

        Raises:
            ModelLoadError: They cannot be loaded; MODEL_FILES_CHANGING where they were written to meanwhile, so that
                it is unknown which were read.
        """
        before = stamps(self.folder)
        revision = self.revision or self.revisions.of(self.folder)
        try:
            model = self._load()
        except ModelLoadError as error:
            if stamps(self.folder) != before:
                raise self._changing() from error
            raise
        if stamps(self.folder) != before:
            model.close()
            raise self._changing()
        self.revision, self.loaded_stamps = revision, before
        return model

    def is_replaced(self) -> bool:
        """Whether the loaded files were replaced. Called before every request: takes microseconds while nothing is
        written to the files or their folders."""
        try:
            now = {path: FileStamp.of(path) for path in with_folders(self.loaded_stamps)}
            if now == self.unchanged_stamps:
                return False
            if stamps(ModelFolder(self.folder.path, self.folder.variant)) != self.loaded_stamps:
                return True
        except (ModelLoadError, OSError):
            return False  # missing or incomplete files replace nothing
        self.unchanged_stamps = now
        return False

    def _load(self) -> ModelT_co:
        dtype = torch_dtype(self.device.dtype_for(self.card.dtype))
        try:
            return self.device.guarded(lambda: self._read(dtype))
        except ModelLoadError:
            raise
        except EngineError as error:
            raise ModelLoadError("MODEL_TOO_LARGE", f"memory ran out while model {self.card.id} was loaded") from error
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, AttributeError) as error:
            # What diffusers and transformers raise for files that do not fit together; their texts hold paths.
            raise ModelLoadError(
                "MODEL_LOAD_FAILED", f"the files of model {self.card.id} do not make a pipeline"
            ) from error

    def _read(self, dtype: torch.dtype) -> ModelT_co:
        with quiet():
            pipe = self.read(self.folder, dtype)
        pipe.to(self.device.torch_device)
        if self.device.torch_device.type == "cpu":
            detach_from_files(pipe)
        return self.make(pipe)

    def _changing(self) -> ModelLoadError:
        return ModelLoadError("MODEL_FILES_CHANGING", f"the files of model {self.card.id} changed while it was loaded")


@dataclass(slots=True, kw_only=True)
class LocatedClips(LocatedPipeline[ClipModel]):
    """A located model that draws clips. Implements `video_engine.LocatedClipModel`."""

    facts: ModelFacts


class PipelineStore:
    """Models of the catalogue as diffusers pipelines."""

    def __init__(self, device: Device, hub: Hub, revisions: ModelRevisions) -> None:
        self._device = device
        self._hub = hub
        self._revisions = revisions

    def known_revision(self, card: ModelCard) -> str:
        """See `ModelStore.known_revision`."""
        if card.revision or card.folder is None:
            return card.revision
        return self._revisions.known(ModelFolder(card.folder, card.variant))

    def _found(self, card: ModelCard) -> tuple[ModelFolder, str]:
        """Finds or downloads the model's folder and checks it.

        Returns:
            The folder, and the revision where a hub names it; else an empty one.

        Raises:
            ModelLoadError: There is none, or it cannot be loaded.
        """
        if card.folder is not None:
            folder, revision = ModelFolder(card.folder, card.variant), card.revision
            self._check(folder, card)
        else:
            # Before gigabytes of a model are downloaded that the engine cannot run.
            index = ModelFolder(self._hub.download_index(card.source))
            self._check(index, card)
            path, revision = self._hub.download(card.source, index.parts, card.variant)
            folder = ModelFolder(path, card.variant)
            if not card.variant and folder.lacks_weights():
                path, revision = self._hub.download(card.source, index.parts, _USUAL_VARIANT)
                folder = ModelFolder(path)
        folder.check(card.kind)
        return folder, revision

    def _check(self, folder: ModelFolder, card: ModelCard) -> None:
        """Checks what the index alone says.

        Raises:
            ModelLoadError: MODEL_UNSUPPORTED.
        """
        folder.check_kind(card.kind)


class DiffusersStore(PipelineStore):
    """Models that draw pictures. Implements `ModelStore[DiffusersLoop]`."""

    def locate(self, card: ModelCard) -> LocatedPipeline[DiffusersLoop]:
        """See `ModelStore.locate`."""
        folder, revision = self._found(card)
        make = partial(DiffusersLoop, device=self._device, preview=card.preview)
        return LocatedPipeline(card, folder, revision, self._revisions, self._device, read_known_pipeline, make)


class DiffusersClipStore(PipelineStore):
    """Models that draw clips. Implements `ModelStore[ClipModel]`."""

    def locate(self, card: ModelCard) -> LocatedClips:
        """See `ModelStore.locate`."""
        folder, revision = self._found(card)
        dtype = self._device.dtype_for(card.dtype)
        if folder.pipeline in PIPELINES:
            clips = ClipFacts.read(folder.config("unet"), folder.config("vae"), dtype)
            make: Callable[[Any], ClipModel] = partial(DiffusersClipLoop, device=self._device, preview=card.preview)
            return LocatedClips(
                card, folder, revision, self._revisions, self._device, read_known_pipeline, make, facts=clips
            )  # fmt: skip
        facts = PipelineFacts.read(
            _call_of(folder), folder.configs, card.defaults.scheduler, DTYPE_BYTES[dtype]
        )  # fmt: skip
        make = partial(CalledPipeline, device=self._device, facts=facts)
        return LocatedClips(card, folder, revision, self._revisions, self._device, read_pipeline, make, facts=facts)

    def _check(self, folder: ModelFolder, card: ModelCard) -> None:
        super()._check(folder, card)
        _call_of(folder).check_card(card.takes_first_frame)


def _call_of(folder: ModelFolder) -> PipelineCall:
    if folder.pipeline in PIPELINES:  # these are not called; their parts take no picture
        return PipelineCall(folder.pipeline, frozenset(), needs_image=False)
    return PipelineCall.read(folder.pipeline, pipeline_class(folder.pipeline).__call__)
