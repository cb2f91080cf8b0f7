"""Pictures for eight callers at once: the whole mesh against LitServe around diffusers' pipeline."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.bench.contest import new_seeds
from tests.bench.direct import ROOT, parameters_of, request_with
from tests.bench.peer import litserve_peer
from tests.bench.rest import Rest
from tests.bench.rows import Row, Target, ratio_row
from tests.mesh.running_mesh import RunningMesh

CALLERS, STEPS = 8, 12
SIZES = (128, 256)
TARGET = Target(1.0)
Draw = Callable[[Rest, int], None]


def measure_eight_callers(mesh: RunningMesh, key: str, *, rounds: int, pictures: int) -> list[Row]:
    """Rounds of `pictures` a caller, for each size: through the mesh (durable, stored in S3, downloaded) and LitServe.

    Both run on all cores, as they come; while one draws, the other idles. A caller asks for its next picture when it
    has the bytes of the last one.
    """
    with litserve_peer(ROOT / "models" / "demo-image") as url:
        return [_row(mesh, key, url, size, rounds, pictures) for size in SIZES]


def _row(mesh: RunningMesh, key: str, url: str, size: int, rounds: int, pictures: int) -> Row:
    def through_the_mesh(rest: Rest, seed: int) -> None:
        asked = parameters_of(request_with(STEPS, seed)) | {"width_px": size, "height_px": size}
        image = rest.picture(asked)
        if image["cached"]:
            raise RuntimeError("nothing was made: it came from the cache")
        rest.content(image["links"]["content"])

    def through_litserve(rest: Rest, seed: int) -> None:
        rest.post("/predict", json.dumps({"steps": STEPS, "size": size, "seed": seed}).encode())

    ways: dict[str, tuple[str, dict[str, str], Draw]] = {
        "mesh": (mesh.url, {"X-Api-Key": key}, through_the_mesh),
        "LitServe": (url, {}, through_litserve),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        _round(*way, pictures=1)  # warm
    for k in range(rounds):
        for name in list(ways)[:: 1 if k % 2 == 0 else -1]:
            seconds[name].append(_round(*ways[name], pictures=pictures))
    what = f"{CALLERS} callers, {STEPS} steps, {size} px: mesh / LitServe"
    return ratio_row(what, seconds["mesh"], seconds["LitServe"], unit="ms", scale=1000, target=TARGET)


def _round(url: str, headers: dict[str, str], draw: Draw, *, pictures: int) -> float:
    """Seconds a picture."""

    def call(_: int) -> None:
        with Rest(url, headers) as rest:
            for seed in new_seeds(pictures):
                draw(rest, seed)

    started = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(call, range(CALLERS)))
    return (time.perf_counter() - started) / (CALLERS * pictures)
