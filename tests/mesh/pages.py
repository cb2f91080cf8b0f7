"""Lists, read to their end."""

from typing import Any

import httpx2


def every(client: httpx2.Client, path: str, field: str, **params: Any) -> list[dict[str, Any]]:
    """What all pages of `path` hold under `field`."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        query = {"page_size": 100, **params, **({"page_token": token} if token else {})}
        page = client.get(path, params=query).json()
        found += page[field]
        token = page["next_page_token"]
        if not token:
            return found


def asset_ids(client: httpx2.Client) -> set[str]:
    """Every stored file of the caller."""
    return {asset["id"] for asset in every(client, "/api/v1/assets", "assets")}
