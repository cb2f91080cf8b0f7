"""The errors of the engine. Reasons are stable, upper-case names; messages hold no path and no stack trace."""

from __future__ import annotations


class EngineError(Exception):
    """The engine could not draw a picture or a clip.

    Reasons: INVALID_SIZE, INVALID_FRAMES, INVALID_REQUEST, UNKNOWN_MODEL, CLIP_TOO_LARGE (needs more memory than is
    free), OUT_OF_MEMORY, NUMERICAL_FAILURE, ENGINE_LOST and ENGINE_RESTARTED (see
    `RemoteEngine`), and those of `ModelLoadError`.

    Attributes:
        reason: The stable name.
        message: One sentence for the caller.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str]]:
        return type(self), (self.reason, self.message)


class ModelLoadError(EngineError):
    """A model could not be loaded.

    Reasons: MODEL_NOT_FOUND (no such folder or repository), MODEL_DOWNLOAD_FAILED (the hub is unreachable),
    MODEL_ACCESS_DENIED (the hub requires permission), DISK_FULL (no space for a download),
    MODEL_UNSAFE_FORMAT (pickled weights), MODEL_UNSUPPORTED (a pipeline that the engine cannot run),
    MODEL_FILES_CHANGING (written to while they were read), MODEL_TOO_LARGE (can never fit the memory budget),
    MODEL_MEMORY_BUSY (fits once running requests end), MODEL_LOAD_FAILED (anything else).
    """


class CatalogueError(Exception):
    """A catalogue file is invalid; the message names the entry and the field."""


class CanceledError(Exception):
    """The caller cancelled the request; raised within one denoising step, or one chunk of frames."""
