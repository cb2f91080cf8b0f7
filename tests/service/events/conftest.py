"""The events service alone, with a real broker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.service.events.running_events import RunningEventsService, running_events
from tests.support.nats import NatsServer


@pytest.fixture
async def events(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[RunningEventsService]:
    """With few slots and a short backlog."""
    async with running_events(nats_server, tmp_path, max_streams_per_caller=2, backlog_events=100) as running:
        yield running
