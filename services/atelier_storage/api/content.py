"""The HTTP headers of an asset's content."""

import urllib.parse

from atelier_service.byte_range import ContentPlan
from atelier_service.http import REVALIDATED
from atelier_storage.domain.asset import Asset


def content_headers(asset: Asset, plan: ContentPlan) -> dict[str, str]:
    """Headers by name, with underscores for dashes, as `set_http` takes them.

    `x_http_content_length` is the length of the body: a plain `content-length` would be wrong on the gRPC hop, whose
    frames are longer than what they carry; the gateway renames it behind its transcoder.
    """
    headers = REVALIDATED | {"etag": asset.blob.etag, "accept_ranges": "bytes"}
    if plan.status == 304:
        return headers
    headers |= {
        "content_disposition": _inline(asset.download_name),
        "x_content_type_options": "nosniff",
        "x_http_content_length": str(plan.length),
    }
    if plan.content_range:
        headers["content_range"] = plan.content_range
    return headers


def _inline(name: str) -> str:
    """Content-Disposition with the name twice: in ASCII for old readers, and in full (RFC 6266, RFC 8187)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    value = f'inline; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{urllib.parse.quote(name, safe='')}"
