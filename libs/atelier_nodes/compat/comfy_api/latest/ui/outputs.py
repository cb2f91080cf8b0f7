"""What nodes show, and the files that it is in."""

from collections.abc import Iterable
from typing import Any

from comfy_api.latest.io.widgets import FolderType


class UIOutput:
    """What a node shows."""

    def as_dict(self) -> dict[str, Any]:
        """Returns it as nodes return it under `ui`."""
        raise NotImplementedError


class SavedResult(dict[str, str]):
    """A file as clients find it."""

    def __init__(self, filename: str, subfolder: str, type: FolderType | str) -> None:  # noqa: A002
        super().__init__(filename=filename, subfolder=subfolder, type=str(type))

    @property
    def filename(self) -> str:
        """Its name."""
        return self["filename"]

    @property
    def subfolder(self) -> str:
        """Its folder, relative to that of its type."""
        return self["subfolder"]

    @property
    def type(self) -> FolderType:
        """The folder that it is in."""
        return FolderType(self["type"])


class SavedImages(UIOutput):
    """Pictures, or one animation."""

    def __init__(self, results: Iterable[SavedResult], is_animated: bool = False) -> None:
        self.results = list(results)
        self.is_animated = is_animated

    def as_dict(self) -> dict[str, Any]:
        """Returns it as nodes return it under `ui`."""
        return {"images": self.results, **({"animated": [True]} if self.is_animated else {})}


class SavedAudios(UIOutput):
    """Sounds."""

    def __init__(self, results: Iterable[SavedResult]) -> None:
        self.results = list(results)

    def as_dict(self) -> dict[str, Any]:
        """Returns it as nodes return it under `ui`."""
        return {"audio": self.results}
