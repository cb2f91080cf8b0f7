"""What can go wrong in the engine. Reasons are stable, upper-case names; messages hold no path and no stack trace."""

from __future__ import annotations


class EngineError(Exception):
    """A picture or a clip could not be made.

    Reasons: INVALID_SIZE, INVALID_FRAMES, INVALID_REQUEST, UNKNOWN_MODEL, CLIP_TOO_LARGE (needs more memory than is
    free), OUT_OF_MEMORY, NUMERICAL_FAILURE, ENGINE_LOST and ENGINE_RESTARTED (see
    `RemoteEngine`), and those of `ModelLoadError`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str]]:
        return type(self), (self.reason, self.message)


class ModelLoadError(EngineError):
    """A model could not be made ready.

    Reasons: MODEL_NOT_FOUND (no such folder or repository), MODEL_DOWNLOAD_FAILED (hub not reached),
    MODEL_ACCESS_DENIED (the hub wants permission), DISK_FULL (no room for a download),
    MODEL_UNSAFE_FORMAT (pickled weights), MODEL_UNSUPPORTED (a pipeline that the engine cannot run),
    MODEL_FILES_CHANGING (written to while they were read), MODEL_TOO_LARGE (can never fit the memory budget),
    MODEL_MEMORY_BUSY (would fit once running work ends), MODEL_LOAD_FAILED (anything else).
    """


class CatalogueError(Exception):
    """A catalogue file cannot be read; the message names the entry and the field."""


class CanceledError(Exception):
    """The caller asked to stop; raised within one denoising step of the request, or one chunk of its frames."""
