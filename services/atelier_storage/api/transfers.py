"""Transfers under way: uploads and downloads hold room for as long as their other end likes, so each has a slot."""

from contextlib import AbstractContextManager, nullcontext

from atelier_service.errors import ResourceExhaustedError
from atelier_service.identity import Principal
from atelier_service.slots import Slots


class Transfers:
    """Slots of callers, in all and of each of them; and slots for the mesh's own services, which no caller can take."""

    def __init__(
        self, *, uploads: int, uploads_per_owner: int, results: int, downloads: int, downloads_per_owner: int
    ) -> None:
        self._uploads = Slots(uploads, uploads_per_owner, _too_many_uploads)
        self._results = Slots(results, results, _too_many_uploads)
        self._downloads = Slots(downloads, downloads_per_owner, _too_many_downloads)

    def upload(self, principal: Principal) -> AbstractContextManager[None]:
        """A slot for an upload of `principal`. Raises ResourceExhaustedError."""
        slots = self._results if _of_the_mesh(principal) else self._uploads
        return slots.take(principal.subject)

    def download(self, principal: Principal) -> AbstractContextManager[None]:
        """A slot for a download of `principal`; a service reads at once what it asks for, and needs none. Raises
        ResourceExhaustedError."""
        return nullcontext() if _of_the_mesh(principal) else self._downloads.take(principal.subject)


def _of_the_mesh(principal: Principal) -> bool:
    """Whether a service calls, on an owner's behalf or for itself."""
    return bool(principal.actor) or principal.is_service


def _too_many_uploads(text: str) -> ResourceExhaustedError:
    return ResourceExhaustedError("TOO_MANY_UPLOADS", f"uploads: {text}", retry_after_s=1.0)


def _too_many_downloads(text: str) -> ResourceExhaustedError:
    return ResourceExhaustedError("TOO_MANY_DOWNLOADS", f"downloads: {text}", retry_after_s=1.0)
