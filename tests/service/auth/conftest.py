"""A running auth service with its own SQLite file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.service.auth.running_auth import RunningAuth, auth_settings, new_dev_key, running_auth


@pytest.fixture
async def auth(tmp_path: Path) -> AsyncIterator[RunningAuth]:
    """The real composition on a free port."""
    async with running_auth(auth_settings(tmp_path, new_dev_key())) as running:
        yield running
