"""From the command to the first picture."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.rows import Row, Spread, Target, ratio_row
from tests.mesh.running_mesh import RunningMesh, start_mesh

TARGET = Target(20)


class Starts:
    """Starts meshes and remembers how long they took."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seconds: dict[str, list[float]] = {"0": [], "1": []}
        """By how many workers for clips were started."""

    @contextmanager
    def mesh(self, name: str, **settings: str) -> Iterator[RunningMesh]:
        """A mesh that has made its first picture; the same `name` again is a restart on what the last one left."""
        started = time.monotonic()
        mesh = start_mesh(
            self._folder / name,
            port=None,
            ATELIER_FIRST_PICTURE="true",
            # Limits are on and out of reach: what they cost is measured, and nothing is refused.
            ATELIER_REQUESTS_PER_S="100000",
            ATELIER_REQUEST_BURST="100000",
            ATELIER_MAX_QUEUED="1000000",
            ATELIER_MAX_LIVE_PER_OWNER="1000000",
            **settings,
        )
        try:
            if not (self._folder / name / "first-picture.png").exists():
                raise RuntimeError(f"no first picture:\n{mesh.output}")
            self.seconds[settings.get("ATELIER_VIDEO_WORKERS", "1")].append(time.monotonic() - started)
            yield mesh
        finally:
            mesh.stop()

    def rows(self, name: str, *, rounds: int) -> list[Row]:
        """Rounds of starting the mesh `name` again, which has no jobs left, without a worker for clips and with one;
        and all starts with one until now."""
        timed: dict[str, list[float]] = {"0": [], "1": []}
        for _ in range(rounds):
            for workers, seconds in timed.items():
                with self.mesh(name, ATELIER_VIDEO_WORKERS=workers):
                    seconds.append(self.seconds[workers][-1])
        return [
            Row(
                name="start to first picture", value=Spread.of(self.seconds["1"]), unit="s", target=TARGET,
                ours=f"{len(self.seconds['1'])} starts", rounds={"seconds": self.seconds["1"]},
            ),
            ratio_row("start: with / without a worker for clips", timed["1"], timed["0"], unit="s"),
        ]  # fmt: skip
