"""Model downloads from Hugging Face and ModelScope. The hubs' packages are imported when they are needed."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.policy.model_source import ModelSource

_INDEX = "model_index.json"


class Hub:
    """Downloads the files that the engine reads, and no others: configurations, tokenizers, safetensors."""

    def __init__(self, cache_folder: Path | None = None, hf_endpoint: str = "", modelscope_endpoint: str = "") -> None:
        """Sets where to download from and to.

        Args:
            cache_folder: The folder for downloads; None means the hubs' own default.
            hf_endpoint: URL of a Hugging Face mirror; empty means the hub's own default.
            modelscope_endpoint: URL of a ModelScope mirror; empty means the hub's own default.
        """
        self._cache_folder = cache_folder
        self._hf_endpoint = hf_endpoint
        self._modelscope_endpoint = modelscope_endpoint

    def download_index(self, source: ModelSource) -> Path:
        """Downloads `model_index.json` into the folder that is returned; otherwise as `download`."""
        folder, _ = self._fetch(source, [_INDEX])
        return folder

    def download(self, source: ModelSource, parts: Iterable[str], variant: str = "") -> tuple[Path, str]:
        """Downloads the files of a model's parts; uses those of an earlier download when the hub is unreachable.

        Args:
            source: A repository of a hub.
            parts: The names of the parts.
            variant: Infix of the weight files, such as `fp16`; empty for none.

        Returns:
            The folder, and the commit of its files; an empty one for ModelScope, whose tools do not return it.

        Raises:
            ModelLoadError: MODEL_DOWNLOAD_FAILED, MODEL_NOT_FOUND, MODEL_ACCESS_DENIED or DISK_FULL.
        """
        return self._fetch(source, _wanted(parts, variant))

    def _fetch(self, source: ModelSource, patterns: list[str]) -> tuple[Path, str]:
        fetch = self._from_hugging_face if source.scheme == "hf" else self._from_modelscope
        return fetch(source, patterns)

    def _from_hugging_face(self, source: ModelSource, patterns: list[str]) -> tuple[Path, str]:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        try:
            folder = snapshot_download(
                source.location,
                revision=source.revision or None,
                cache_dir=self._cache_folder,
                endpoint=self._hf_endpoint or None,
                allow_patterns=patterns,
            )
        except GatedRepoError as error:
            raise ModelLoadError(
                "MODEL_ACCESS_DENIED",
                f"{source} is gated: accept its terms at Hugging Face, and give the worker your token (HF_TOKEN)",
            ) from error
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise ModelLoadError("MODEL_NOT_FOUND", f"Hugging Face has no {source}, or it is not public") from error
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
            raise not_downloaded(source, error) from error
        return Path(folder), Path(folder).name  # the last part of a snapshot's path is its commit

    def _from_modelscope(self, source: ModelSource, patterns: list[str]) -> tuple[Path, str]:
        # Not `modelscope` itself, whose import takes seconds.
        from modelscope_hub.compat.snapshot_download import snapshot_download
        from modelscope_hub.errors import (
            AuthenticationError,
            HubError,
            NotExistError,
            NotFoundError,
            PermissionDeniedError,
        )

        try:
            folder = snapshot_download(
                source.location,
                revision=source.revision or None,
                cache_dir=str(self._cache_folder) if self._cache_folder else None,
                endpoint=self._modelscope_endpoint or None,
                allow_patterns=patterns,
            )
        except (AuthenticationError, PermissionDeniedError) as error:
            raise ModelLoadError(
                "MODEL_ACCESS_DENIED",
                f"ModelScope does not give out {source} without permission: give the worker a token",
            ) from error
        except (NotFoundError, NotExistError) as error:
            raise ModelLoadError("MODEL_NOT_FOUND", f"ModelScope has no {source}, or it is not public") from error
        except (HubError, OSError) as error:
            raise not_downloaded(source, error) from error
        return Path(folder), ""


def not_downloaded(source: ModelSource, error: BaseException) -> ModelLoadError:
    """The error of a failed download: DISK_FULL where that is among the causes of `error`, else
    MODEL_DOWNLOAD_FAILED."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return ModelLoadError("DISK_FULL", f"{source} could not be downloaded: the disk for models is full")
        cause = cause.__cause__ or cause.__context__
    return ModelLoadError("MODEL_DOWNLOAD_FAILED", f"{source} could not be downloaded: the hub cannot be reached")


def _wanted(parts: Iterable[str], variant: str) -> list[str]:
    """Patterns of the files to download: no pickles, no other precision, no code."""
    infix = f".{variant}" if variant else ""
    files = ["*.json", "*.txt", "*.model"]
    for name in ("model", "diffusion_pytorch_model"):
        # Hubs name the shards of a variant in either way.
        shards = {f"{name}{infix}-*-of-*.safetensors", f"{name}-*-of-*{infix}.safetensors"}
        files += [f"{name}{infix}.safetensors", *sorted(shards)]
    return [_INDEX] + [f"{part}/{file}" for part in parts for file in files]
