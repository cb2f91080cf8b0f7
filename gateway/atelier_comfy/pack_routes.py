"""Pack routes: files of packs for the browser, and requests that packs serve in a host."""

import asyncio
import re
from pathlib import Path
from urllib.parse import quote

from aiohttp import hdrs, web

from atelier_comfy.file_folders import FileNameError, inside
from atelier_comfy.node_pool import NodePool
from atelier_nodes.packs.prompt_server import PROMPT_HANDLERS_PATH
from atelier_nodes.pool.catalogue import NodeCatalogue, PackRequest

_FIELD = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})+))?\}")
# Headers that apply to one connection, or that do not apply to a complete body.
_OF_A_CONNECTION = frozenset(
    ("connection", "content-length", "content-encoding", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


_REPLACEMENTS = "/node_replacements"


class PackRoutes:
    """`/extensions`, and all paths that no other route serves."""

    def __init__(self, pool: NodePool, front_end: Path | None) -> None:
        """Creates the routes.

        Args:
            pool: Returns the packs, and serves their routes.
            front_end: Folder of the front end, which has extensions of its own; None without one.
        """
        self._pool = pool
        self._front_end = front_end

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes to be added to the application."""
        return [
            web.get("/extensions", self.extensions),
            web.get("/extensions/{pack}/{file:.+}", self.file),
            web.get(_REPLACEMENTS, self.replacements),
        ]

    def rest(self) -> list[web.RouteDef]:
        """Returns the route to be added last, which matches every path."""
        return [web.route("*", "/{path:.*}", self.forward)]

    async def extensions(self, _request: web.Request) -> web.Response:
        """Paths of the scripts that the front end loads."""
        catalogue = await self._pool.catalogue()
        return web.json_response(await asyncio.to_thread(self._scripts, catalogue))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A file of a pack, or of the front end's own extensions."""
        pack = request.match_info["pack"]
        catalogue = await self._pool.catalogue()
        folder: Path | None = None
        if pack in catalogue.web_folders:
            folder = Path(catalogue.web_folders[pack])
        elif self._front_end is not None:
            folder = self._front_end / "extensions" / pack
        if folder is None:
            raise web.HTTPNotFound(text="there is no such pack")
        try:
            path = inside(folder, request.match_info["file"])
        except FileNameError as error:
            raise web.HTTPNotFound(text=str(error)) from None
        if not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound(text="there is no such file")
        return web.FileResponse(path, headers={hdrs.CACHE_CONTROL: "no-cache"})

    async def replacements(self, request: web.Request) -> web.StreamResponse:
        """The node replacements that packs registered; an empty object if there are none."""
        catalogue = await self._pool.catalogue()
        if any(route.path == _REPLACEMENTS for route in catalogue.routes):
            return await self.forward(request)
        return web.json_response({})

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Passes a request on to the pack that has a route for it."""
        path = request.path.removeprefix("/api") if request.path.startswith("/api/") else request.path
        catalogue = await self._pool.catalogue()
        served = (route for route in catalogue.routes if route.path != PROMPT_HANDLERS_PATH)
        if not any(route.method in (request.method, "*") and _pattern(route.path).fullmatch(path) for route in served):
            raise web.HTTPNotFound(text="there is nothing at this path")
        answer = await self._pool.http(
            PackRequest(
                request.method, path, request.query_string, tuple(request.headers.items()), await request.read()
            )
        )
        headers = [pair for pair in answer.headers if pair[0].lower() not in _OF_A_CONNECTION]
        response = web.Response(status=answer.status, body=answer.body)
        response.headers.popall(hdrs.CONTENT_TYPE, None)
        for name, value in headers:
            response.headers.add(name, value)
        return response

    def _scripts(self, catalogue: NodeCatalogue) -> list[str]:
        folders = [(Path(folder), f"/extensions/{quote(pack)}") for pack, folder in catalogue.web_folders.items()]
        if self._front_end is not None:
            folders.insert(0, (self._front_end / "extensions", "/extensions"))
        return [
            f"{prefix}/{quote(path.relative_to(folder).as_posix())}"
            for folder, prefix in folders
            for path in sorted(folder.rglob("*.js"))
        ]


def _pattern(path: str) -> re.Pattern[str]:
    """Compiles a path in aiohttp's form, such as `/cats/{name}` or `/files/{path:.+}`."""
    parts, end = [], 0
    for field in _FIELD.finditer(path):
        parts += [re.escape(path[end : field.start()]), f"(?:{field[2] or '[^{}/]+'})"]
        end = field.end()
    return re.compile("".join([*parts, re.escape(path[end:])]))
