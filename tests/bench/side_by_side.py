"""What a picture waits for longer while a clip is made beside it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from tests.bench.clip import clip_parameters
from tests.bench.contest import new_seeds
from tests.bench.rest import Rest
from tests.bench.rows import Row, ratio_row
from tests.mesh.running_mesh import RunningMesh

PICTURES = 5


def measure_side_by_side(mesh: RunningMesh, key: str, *, rounds: int) -> Row:
    """Rounds of default pictures, one after the other: beside clips that follow one another, and alone. No target."""
    beside_s, alone_s = [], []
    with Rest(mesh.url, {"X-Api-Key": key}) as rest:

        def picture_s() -> float:
            """The median of some."""
            seconds = []
            for seed in new_seeds(PICTURES):
                started = time.perf_counter()
                rest.picture({"prompt": "a red circle on a blue background", "seed": seed})
                seconds.append(time.perf_counter() - started)
            return median(seconds)

        picture_s()  # warm
        for _ in range(rounds):
            alone_s.append(picture_s())
            with _clips_beside(mesh, key):
                beside_s.append(picture_s())
    return ratio_row("picture: beside clips / alone", beside_s, alone_s, unit="ms", scale=1000)


@contextmanager
def _clips_beside(mesh: RunningMesh, key: str) -> Iterator[None]:
    """One clip is made after the other; the first has been begun."""
    with Rest(mesh.url, {"X-Api-Key": key}) as rest:
        enough = threading.Event()

        def draw() -> None:
            while not enough.is_set():
                rest.clip(clip_parameters(new_seeds(1)[0]))

        rest.clip(clip_parameters(new_seeds(1)[0]))
        caller = threading.Thread(target=draw)
        caller.start()
        try:
            yield
        finally:
            enough.set()
            caller.join()
