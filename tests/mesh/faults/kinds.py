"""What the mesh makes, as the faults see it: the same job plane, with other work on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.mesh.clip import LONG_MODEL


@dataclass(frozen=True, slots=True, eq=False)  # each is itself alone
class Kind:
    """One kind of jobs. `path` is that of its list; its programs are called after `name`.

    `short` are the parameters of a job that is soon done, `long` those of one that is still running when the fault
    comes, which is when its progress has counted so many of something as `midway` says. Of `long` jobs, one in the
    middle of its work has files on the worker's disk when `grows_on_disk`.
    """

    name: str
    prompt: str
    short: Mapping[str, Any]
    long: Mapping[str, Any]
    midway: tuple[str, int]
    grows_on_disk: bool

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        return f"/api/v1/{self.name}s"

    @property
    def broken_model(self) -> str:
        """A model that cannot be loaded."""
        return f"broken-{self.name}"

    @property
    def workers(self) -> tuple[str, str]:
        """The programs that make it."""
        return f"atelier-{self.name}-worker", f"atelier-{self.name}-worker-2"


IMAGE = Kind(
    name="image",
    prompt="a red circle on a blue background",
    short={"steps": 2},
    long={"steps": 60},
    midway=("step", 1),
    grows_on_disk=False,
)
VIDEO = Kind(
    name="video",
    prompt="a red ball moving right",
    short={"steps": 1, "frames": 2},
    # The first part of its frames, 16, is stored when the fault comes, and the clip has begun to grow.
    long={"model": LONG_MODEL, "steps": 2, "frames": 48},
    midway=("frame", 17),
    grows_on_disk=True,
)
KINDS = (IMAGE, VIDEO)
