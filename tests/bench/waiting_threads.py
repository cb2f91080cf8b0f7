"""How torch's threads wait for one another: a bounded spin, against sleeping at once and torch's own setting."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from tests.bench.companion import Companion
from tests.bench.contest import new_seeds
from tests.bench.peer import peer_environment
from tests.bench.rows import Row, ratio_row

STEPS, PICTURES = 12, 3
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "ours": {},
    "asleep at once": {"OMP_WAIT_POLICY": "PASSIVE"},
    "torch's own": {"GOMP_SPINCOUNT": "300000"},  # libgomp's default where no policy is set
}


def measure_waiting_threads(*, threads: int, rounds: int) -> list[Row]:
    """Rounds of our engine in process under each setting: alone, and two of them on the same cores at once."""
    alone: dict[str, list[float]] = {name: [] for name in SETTINGS}
    crowded: dict[str, list[float]] = {name: [] for name in SETTINGS}
    with _engines(threads) as engines, ThreadPoolExecutor(2) as pool:
        for k in range(rounds + 1):  # the first one warms up
            for name in list(SETTINGS)[:: 1 if k % 2 == 0 else -1]:
                one, other = engines[name]
                alone[name].append(_seconds(one))
                crowded[name].append(max(pool.map(_seconds, (one, other))))
    ours, asleep, own = SETTINGS
    return [
        _row(f"one engine: {ours} / {own}", alone[ours], alone[own]),
        _row(f"one engine: {ours} / {asleep}", alone[ours], alone[asleep]),
        _row(f"two engines on the same cores: {ours} / {own}", crowded[ours], crowded[own]),
        _row(f"two engines on the same cores: {ours} / {asleep}", crowded[ours], crowded[asleep]),
    ]


@contextmanager
def _engines(threads: int) -> Iterator[dict[str, tuple[Companion, Companion]]]:
    """Two processes for each setting."""
    with ExitStack() as stack:

        def engine(setting: Mapping[str, str]) -> Companion:
            environment = {**peer_environment(), **setting}
            running = Companion.running("tests.bench.direct", environment=environment, threads=threads)
            return stack.enter_context(running)

        yield {name: (engine(setting), engine(setting)) for name, setting in SETTINGS.items()}


def _seconds(engine: Companion) -> float:
    """Seconds a picture."""
    wall_s, _ = engine.ask(steps=STEPS, seeds=new_seeds(PICTURES))
    return float(wall_s) / PICTURES


def _row(name: str, ours: list[float], theirs: list[float]) -> Row:
    return ratio_row(name, ours[1:], theirs[1:], unit="ms", scale=1000)
