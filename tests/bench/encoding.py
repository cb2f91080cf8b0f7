"""What it takes to encode a clip in all its files, against drawing it."""

from atelier_media.clip_format import CONTAINERS
from tests.bench.companion import Companion
from tests.bench.contest import new_seeds
from tests.bench.rows import Row, ratio_row


def measure_encoding(*, threads: int, rounds: int) -> list[Row]:
    """Rounds of one clip in each container, in process, by the worker's own classes. No target."""
    denoise_s: dict[str, list[float]] = {container: [] for container in CONTAINERS}
    encode_s: dict[str, list[float]] = {container: [] for container in CONTAINERS}
    with Companion.running("tests.bench.direct_clip", threads=threads) as direct:
        for _ in range(rounds):
            for container in CONTAINERS:
                denoising, encoding = direct.ask(seeds=new_seeds(1), container=container)
                denoise_s[container].append(denoising)
                encode_s[container].append(encoding)
    return [
        ratio_row(f"clip as {name}: encoding / denoising", encode_s[name], denoise_s[name], unit="ms", scale=1000)
        for name in CONTAINERS
    ]
