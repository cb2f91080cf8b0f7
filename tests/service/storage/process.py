"""The service as a process of its own; its settings come from the environment, the key set from the first argument.

Prints a line `listening at <host:port>` among its log lines.
"""

import asyncio
import json
import sys
from typing import Any

from atelier_service import process
from atelier_service.migrations.upgrade import upgrade
from atelier_storage.adapters.tables import SCHEMAS
from atelier_storage.main import serve
from atelier_storage.settings import StorageSettings


async def main(stopping: asyncio.Event) -> None:
    async def jwks() -> dict[str, Any]:
        keys: dict[str, Any] = json.loads(sys.argv[1])
        return keys

    settings = StorageSettings()
    await upgrade(settings.database_url, SCHEMAS)
    async with serve(settings, jwks) as server:
        print("listening at", server.address, flush=True)  # noqa: T201 - read by the test
        await stopping.wait()


if __name__ == "__main__":
    process.run(main)
