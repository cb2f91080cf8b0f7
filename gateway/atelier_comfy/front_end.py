"""Front end: the files of a web application for this server, or a page with instructions for installing one."""

import importlib.util
from pathlib import Path

from aiohttp import hdrs, web

from atelier_comfy.origin import Handler

PACKAGE = "comfyui_frontend_package"

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>atelier comfy</title>
<body style="font-family: sans-serif; max-width: 40em; margin: 3em auto">
<h1>atelier comfy</h1>
<p>This server speaks ComfyUI's HTTP and WebSocket API. It shows no front end: for the official one, install
<code>comfyui-frontend-package</code> and start the server with <code>--front-end</code>.</p>
</body></html>
"""


class FrontEndError(ValueError):
    """The requested front end does not exist; the message has instructions."""


def front_end_folder(root: Path | None) -> Path:
    """Returns the folder of the front end.

    The package is located without importing it: it is under the GPL, and only its files are served.

    Args:
        root: Folder of another front end; None for the official one.

    Raises:
        FrontEndError: There is none.
    """
    if root is None:
        found = importlib.util.find_spec(PACKAGE)
        places = found.submodule_search_locations if found is not None else None
        if not places:
            raise FrontEndError("--front-end needs the official front end: pip install comfyui-frontend-package")
        root = Path(places[0]) / "static"
    if not (root / "index.html").is_file():
        raise FrontEndError(f"{root} holds no front end: it has no index.html")
    return root


def front_end_routes(folder: Path | None) -> list[web.AbstractRouteDef]:
    """Returns the routes of the page and its files; without a front end, of a page with instructions."""
    if folder is None:
        return [web.get("/", _no_front_end)]

    async def index(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / "index.html", headers={hdrs.CACHE_CONTROL: "no-cache"})

    files: list[web.AbstractRouteDef] = [web.get("/", index)]
    for entry in sorted(folder.iterdir()):
        if entry.name == "extensions":
            continue  # packs have files at the same path
        if entry.is_dir():
            files.append(web.static(f"/{entry.name}", entry))
        else:
            files.append(web.get(f"/{entry.name}", _file(entry)))
    return files


def _file(path: Path) -> Handler:
    async def serve(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    return serve


async def _no_front_end(_request: web.Request) -> web.Response:
    return web.Response(text=_PAGE, content_type="text/html")
