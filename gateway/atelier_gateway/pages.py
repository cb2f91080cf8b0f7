"""Static pages: the OpenAPI document, the page that shows it, and the index at `/`.

They need no credentials. The page is Swagger UI from the swagger-ui-bundle-v2 wheel and loads nothing from other hosts:
its Content-Security-Policy allows none.
"""

from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path

from atelier_gateway.config import Config
from atelier_gateway.settings import GatewaySettings
from atelier_service.configuration import ConfigurationError

_RENDERER = "swagger-ui-bundle-v2"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Icons of Swagger UI are data URLs; pictures and clips that "try it" fetches are blobs.
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_CHANGES = "no-cache"
_NEVER_CHANGES = "public, max-age=31536000, immutable"


def _renderer_file(name: str) -> Path:
    """Returns a file of Swagger UI. Raises FileNotFoundError when the wheel lacks it."""
    for file in files(_RENDERER) or ():
        if file.name == name:
            return Path(str(file.locate()))
    raise FileNotFoundError(f"the {_RENDERER} package holds no {name}")


def _page(path: str, content_type: str, body: Config, filters: Config, *, cache: str = _CHANGES) -> Config:
    headers = {"content-type": content_type, "cache-control": cache, "x-content-type-options": "nosniff"}
    if content_type.startswith("text/html"):
        headers |= {"content-security-policy": _POLICY, "referrer-policy": "no-referrer"}
    return {
        "name": f"page {path}",
        "match": {
            "path": path,
            "headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}],
        },
        "direct_response": {"status": 200, "body": body},
        "response_headers_to_add": [
            {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for name, value in headers.items()
        ],
        "typed_per_filter_config": filters,
    }


def _index(folder: Path, filters: Config) -> list[Config]:
    """`/`: HTML for browsers, JSON for other clients."""
    as_html = _page("/", "text/html; charset=utf-8", _file(folder / "index.html"), filters)
    as_json = _page("/", "application/json", _file(folder / "index.json"), filters)
    as_html["name"] += " as HTML"
    as_html["match"]["headers"].append({"name": "accept", "string_match": {"contains": "text/html"}})
    for page in (as_html, as_json):
        page["response_headers_to_add"].append({"header": {"key": "vary", "value": "accept"}})
    return [as_html, as_json]


def _file(path: Path) -> Config:
    return {"filename": str(path)}


def build_pages(settings: GatewaySettings, filters: Config) -> list[Config]:
    """Builds the routes of all pages.

    Args:
        settings: Where the pages lie.
        filters: The routes' own settings of filters, which let a request without credentials pass.

    Raises:
        ConfigurationError: Swagger UI is not installed.
    """
    folder = settings.folder / "pages"
    try:
        release = version(_RENDERER)
    except PackageNotFoundError:
        raise ConfigurationError(f"{_RENDERER} is not installed; atelier-mesh[gateway] brings it") from None
    # The path holds the version, so a browser may cache it.
    docs = (folder / "docs.html").read_text("utf-8").replace("{version}", release)
    return [
        _page("/api/v1/openapi.json", "application/json", _file(settings.openapi), filters),
        *_index(folder, filters),
        *(_page(path, "text/html; charset=utf-8", {"inline_string": docs}, filters) for path in ("/docs", "/docs/")),
        _page("/docs/docs.js", "text/javascript; charset=utf-8", _file(folder / "docs.js"), filters),
        _page("/docs/pages.css", "text/css; charset=utf-8", _file(folder / "pages.css"), filters),
        *(
            _page(f"/docs/{release}/{name}", kind, _file(_renderer_file(name)), filters, cache=_NEVER_CHANGES)
            for name, kind in (
                ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
                ("swagger-ui.css", "text/css; charset=utf-8"),
            )
        ),
    ]
