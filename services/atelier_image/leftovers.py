"""Looks now and then for what a process that died left behind."""

import asyncio

import structlog

from atelier_image.domain.tidying import Tidying
from atelier_service.errors import AtelierError

_log = structlog.get_logger(__name__)


async def tidy_leftovers(tidying: Tidying, every_s: float) -> None:
    """Until it is cancelled. What is younger than `every_s` may be about to be recorded and is left alone."""
    while True:
        try:
            await tidying.tidy_leftovers(min_age_s=every_s)
        except AtelierError as error:
            _log.warning("leftovers are still there", reason=error.reason)
        await asyncio.sleep(every_s)
