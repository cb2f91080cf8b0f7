"""One trace from the submit to the worker's attempt."""

import subprocess
import sys
from pathlib import Path

from tests.support.nats import NatsServer


def test_submit_wait_and_attempt_share_one_trace_with_the_right_parents(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    # In a process of its own: a tracer provider can be set once, for all tests of a process.
    script = Path(__file__).with_name("traced_process.py")
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    lines = subprocess.run(
        [sys.executable, script, url, nats_server.url],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    ).stdout.splitlines()
    told = [line.split()[1:] for line in lines if line.startswith("span ")]
    spans = {name: (trace, span, parent) for name, trace, span, parent in told}
    assert set(spans) >= {"caller", "job.submit", "job.wait", "job.attempt", "inside"}
    assert len({trace for trace, _, _ in spans.values()}) == 1
    parents = {"job.submit": "caller", "job.wait": "job.submit", "job.attempt": "job.submit", "inside": "job.attempt"}
    for child, parent in parents.items():
        assert spans[child][2] == spans[parent][1], f"{child} is no child of {parent}"
