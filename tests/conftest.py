"""Fixtures that every folder of tests may take, and how the tests are shared out among processes."""

import os
import signal

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.browser import browser, page
from tests.support.postgres import database_url, postgres_server
from tests.support.s3 import s3_server

__all__ = ["browser", "database_url", "page", "postgres_server", "s3_server"]

# Several processes test at once: torch must neither take all cores in each nor spin while it waits for one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# On a crowded machine every example may take long.
hypothesis.settings.register_profile("crowded", deadline=None)
hypothesis.settings.load_profile("crowded")

# In the background of a shell, or under nohup, SIGINT is inherited as ignored, and so it would be by every process that
# a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _ByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of one group run in one process: those that share a mesh, and else those of one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file.rpartition("/")[0] if file.startswith(("tests/mesh/", "tests/attack/")) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Shares groups out in the order in which they were collected."""
    config.option.loadscopereorder = False
    return _ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest, the meshes, first: nothing waits for them at the end."""
    items.sort(
        key=lambda item: -item.nodeid.count("/") if item.nodeid.startswith(("tests/mesh/", "tests/attack/")) else 0
    )
