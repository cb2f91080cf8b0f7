"""The sample configuration of Prometheus scrapes what the launcher starts, and the page shows it as it is."""

from dataclasses import asdict
from pathlib import Path

import yaml

from atelier_mesh.ports import NEXT_WORKER, Ports

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "deploy/prometheus.yml").read_text("utf-8")
PORTS = Ports.following(8080)


def _targets() -> dict[str, str]:
    """Address of each target, with the service that is behind it."""
    groups = [
        (job["job_name"], group) for job in yaml.safe_load(SAMPLE)["scrape_configs"] for group in job["static_configs"]
    ]
    return {target: group.get("labels", {}).get("service", job) for job, group in groups for target in group["targets"]}


def test_the_targets_are_the_ports_of_the_launcher() -> None:
    metrics = {name.removesuffix("_metrics"): port for name, port in asdict(PORTS).items() if name.endswith("_metrics")}

    assert _targets() == {f"127.0.0.1:{port}": f"atelier-{name.replace('_', '-')}" for name, port in metrics.items()}


def test_the_ports_of_further_workers_are_those_that_the_comment_names() -> None:
    image = [PORTS.image_worker_metrics + NEXT_WORKER * number for number in (1, 2)]
    video = [PORTS.video_worker_metrics + NEXT_WORKER * number for number in (1, 2)]

    assert f"{image[0]}, {image[1]} … and {video[0]}, {video[1]} …" in SAMPLE


def test_the_page_shows_the_file() -> None:
    assert f"```yaml\n{SAMPLE}```" in (ROOT / "docs/operations.md").read_text("utf-8")
