"""The state folder of a mesh: its lock, its secrets, and the file that holds its address."""

import fcntl
import json
import os
import secrets
import shutil
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from atelier_client.settings import ClientSettings
from atelier_service.configuration import ConfigurationError

LEAST_FREE_BYTES = 256 * 2**20
"""Free space that the disk needs: with less, databases, broker and S3 server fail later, each in its own way."""

_ANOTHER = "ATELIER_STATE_DIR=<another> moves it"
_ALPHABET = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits


class AlreadyRunningError(Exception):
    """Another launcher has locked the state folder."""


class UnknownAddressError(Exception):
    """A mesh runs but has not written its address yet."""


@contextmanager
def locked(folder: Path, *, least_free_bytes: int = LEAST_FREE_BYTES) -> Iterator[None]:
    """Creates `folder` if needed and locks it; the kernel releases the lock when the process ends, however it ends.

    Raises:
        AlreadyRunningError: Another process has locked it.
        ConfigurationError: Nothing can be stored there, or less than `least_free_bytes` are free.
    """
    _check_name(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        lock = (folder / "lock").open("w")
    except (OSError, ValueError) as error:  # ValueError: a null byte
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"the state folder {folder} cannot be used: {why}; {_ANOTHER}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(
                f"another mesh runs on {folder}; ATELIER_STATE_DIR=<another> and ATELIER_PORT=<another> start a second"
            ) from None
        _check_writable(folder)
        if free < least_free_bytes:
            raise ConfigurationError(
                f"the disk of the state folder {folder} has {free // 2**20} MiB free, and a mesh needs at least "
                f"{least_free_bytes // 2**20} MiB; {_ANOTHER}"
            )
        yield


def _check_name(folder: Path) -> None:
    """Raises ConfigurationError for a path that cannot be passed to every process."""
    path = str(folder.absolute())
    if os.pathsep in path:
        raise ConfigurationError(f"the state folder {path} has a {os.pathsep!r} in its path; {_ANOTHER}")
    if not path.isprintable():
        raise ConfigurationError(f"the state folder {path!r} has a character that cannot be printed; {_ANOTHER}")


def _check_writable(folder: Path) -> None:
    """Raises ConfigurationError unless files can be written in every folder that exists already."""
    for name in ("", "logs", "run", "nats", "s3", "gateway"):
        place = folder / name
        if place.exists() and not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
            raise ConfigurationError(f"the state folder {folder} cannot be used: {place} cannot be written; {_ANOTHER}")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The development API key, the secret that the services share, one for each kind of worker (which permits only the
    methods for workers), and the credentials of the S3 server."""

    api_key: str
    service_secret: str
    s3_access_key: str
    s3_secret_key: str
    image_worker_secret: str = ""
    video_worker_secret: str = ""
    workflow_worker_secret: str = ""

    @property
    def worker_secrets(self) -> dict[str, str]:
        """The secret of each service whose processes are workers."""
        return {
            "atelier-image-worker": self.image_worker_secret,
            "atelier-video-worker": self.video_worker_secret,
            "atelier-workflow-worker": self.workflow_worker_secret,
        }

    @classmethod
    def load_or_create(cls, path: Path) -> "Secrets":
        """Returns the secrets stored at `path`, or creates and stores new ones, readable by their owner only.

        What a file of an earlier version lacks is added to it.

        Raises ConfigurationError when the file holds something else, OSError.
        """
        if path.exists():
            try:
                found = cls(**json.loads(path.read_text()))
            except (ValueError, TypeError):  # the error may show a secret
                raise ConfigurationError(
                    f"{path} does not hold the secrets of a mesh; without it, new ones are made"
                ) from None
        else:
            found = cls(f"atl_{_random(12, _LOWER)}_{_random(43)}", _random(43), _random(20), _random(40))
        if all(found.worker_secrets.values()):
            return found
        created = replace(
            found,
            image_worker_secret=found.image_worker_secret or _random(43),
            video_worker_secret=found.video_worker_secret or _random(43),
            workflow_worker_secret=found.workflow_worker_secret or _random(43),
        )
        written = path.with_name(f".{path.name}.new")  # replaces the existing file atomically
        written.unlink(missing_ok=True)
        _write_private(written, json.dumps(asdict(created)), os.O_EXCL)
        written.replace(path)
        return created


@dataclass(frozen=True, slots=True)
class Address:
    """The gateway's address for each protocol, and the development key."""

    url: str
    """Base URL of REST, such as `http://127.0.0.1:8080`."""
    grpc: str
    """`host:port`."""
    api_key: str = field(repr=False)

    def write(self, path: Path) -> None:
        """Writes a file for scripts (`set -a; . var/dev.env`) and the client, readable by its owner only."""
        lines = f"ATELIER_URL={self.url}\nATELIER_API_KEY={self.api_key}\nATELIER_GRPC={self.grpc}\n"
        _write_private(path, lines, os.O_TRUNC)

    @classmethod
    def read(cls, path: Path) -> "Address":
        """Reads what `write` wrote. Raises UnknownAddressError."""
        try:
            found = ClientSettings.read({}, path)
        except OSError:
            found = ClientSettings()
        if not (found.grpc and found.api_key):
            raise UnknownAddressError(f"{path} does not say where the mesh is; is it still starting?")
        return cls(found.url, found.grpc, found.api_key)


def _write_private(path: Path, text: str, flag: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _random(length: int, alphabet: str = _ALPHABET) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
