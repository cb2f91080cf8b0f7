"""Prompt handlers: functions of packs that may change the body of `POST /prompt`; a host calls them."""

import asyncio
import json
from typing import Any

import structlog

from atelier_comfy.json_body import parsed
from atelier_comfy.node_pool import NodePool
from atelier_comfy.submission import PromptRefusedError
from atelier_nodes.packs.prompt_server import PROMPT_HANDLERS_PATH
from atelier_nodes.pool.catalogue import PackRequest
from atelier_nodes.pool.errors import HostLostError

logger = structlog.get_logger(__name__)

_LIMIT_S = 300.0
"""Seconds that a prompt waits while nodes are loaded and handlers run."""


class PromptHandlers:
    """Applies the handlers of all packs."""

    def __init__(self, pool: NodePool) -> None:
        self._pool = pool
        self._are_there: bool | None = None

    async def applied(self, body: dict[str, Any]) -> Any:
        """Returns the body that the handlers made, or the same object if there are none. Waits until nodes are loaded.

        Raises:
            PromptRefusedError: Nodes are not loaded in time, or no host can be started.
        """
        try:
            async with asyncio.timeout(_LIMIT_S):
                if not await self._have_any():
                    return body
                headers = (("Content-Type", "application/json"),)
                request = PackRequest("POST", PROMPT_HANDLERS_PATH, "", headers, json.dumps(body).encode())
                response = await self._pool.http(request)
        except TimeoutError:
            raise PromptRefusedError.of("nodes_loading", "Nodes are still being loaded", status=503) from None
        except HostLostError as error:
            raise PromptRefusedError.of("nodes_unavailable", error.message, status=503) from error
        if response.status != 200:
            logger.error("prompt handlers of packs failed", status=response.status)
            return body
        return parsed(response.body)

    async def _have_any(self) -> bool:
        # Packs add handlers while they are imported: what the first host has, others have too.
        if self._are_there is None:
            catalogue = await self._pool.catalogue()
            self._are_there = any(route.path == PROMPT_HANDLERS_PATH for route in catalogue.routes)
        return self._are_there
