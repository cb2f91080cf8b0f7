"""A picture from the content cache against making it, both through REST to the same mesh."""

import time
from statistics import median

from tests.bench.contest import new_seeds
from tests.bench.rest import Rest
from tests.bench.rows import Row, Target, ratio_row
from tests.mesh.running_mesh import RunningMesh

HITS = 5
TARGET = Target(50, at_most=False)


def measure_cache_hit(mesh: RunningMesh, key: str, *, rounds: int) -> Row:
    """Rounds of: make the default picture of a new seed, then ask for it again some times."""
    made_s, hit_s = [], []
    with Rest(mesh.url, {"X-Api-Key": key}) as rest:

        def timed(seed: int, *, cached: bool) -> float:
            started = time.perf_counter()
            image = rest.picture({"prompt": "a red circle on a blue background", "seed": seed})
            if image["cached"] is not cached:
                raise RuntimeError(f"cached is {image['cached']}")
            return time.perf_counter() - started

        timed(new_seeds(1)[0], cached=False)  # warm
        for seed in new_seeds(rounds):
            made_s.append(timed(seed, cached=False))
            hit_s.append(median(timed(seed, cached=True) for _ in range(HITS)))
    return ratio_row("cache hit: made / from cache", hit_s, made_s, unit="ms", scale=1000, inverted=True, target=TARGET)
