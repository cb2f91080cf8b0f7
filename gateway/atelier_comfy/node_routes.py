"""Node routes: the node classes, and the files of models."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from atelier_comfy.backend import PromptBackend
from atelier_comfy.prompt import compact
from atelier_nodes.packs import model_folders

_HEADER_LIMIT = 32 * 1024 * 1024
_NOT_MODELS = ("configs", "custom_nodes")


class NodeRoutes:
    """`/object_info`, `/models`, `/embeddings` and `/view_metadata`."""

    def __init__(self, backend: PromptBackend, mesh_models: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Creates the routes.

        Args:
            backend: Returns the node classes.
            mesh_models: Returns the ids of the mesh's image models, which are listed as checkpoints.
        """
        self._backend = backend
        self._mesh_models = mesh_models

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes to be added to the application."""
        return [
            web.get("/object_info", self.object_info),
            web.get("/object_info/{name}", self.object_info_of),
            web.get("/models", self.folders),
            web.get("/models/{folder}", self.files),
            web.get("/embeddings", self.embeddings),
            web.get("/view_metadata/{folder}", self.metadata),
            web.get("/experiment/models", self.described_folders),
            web.get("/experiment/models/{folder}", self.described_files),
        ]

    async def object_info(self, _request: web.Request) -> web.Response:
        """All node classes."""
        return web.json_response(await self._backend.node_info(), dumps=compact)

    async def object_info_of(self, request: web.Request) -> web.Response:
        """One class under its name; an empty object when there is none."""
        name = request.match_info["name"]
        classes = await self._backend.node_info()
        return web.json_response({name: classes[name]} if name in classes else {}, dumps=compact)

    async def folders(self, _request: web.Request) -> web.Response:
        """Names of folders of models."""
        return web.json_response(_folder_names())

    async def files(self, request: web.Request) -> web.Response:
        """Models in one folder."""
        return web.json_response(await self._models_in(request.match_info["folder"]))

    async def embeddings(self, _request: web.Request) -> web.Response:
        """Names of embeddings, without file extensions."""
        files = await asyncio.to_thread(model_folders.files_of, "embeddings")
        return web.json_response([name.rpartition(".")[0] for name in files])

    async def described_folders(self, _request: web.Request) -> web.Response:
        """Folders in the form of the front end's model library, which shows only their names."""
        return web.json_response([{"name": name, "folders": []} for name in _folder_names()])

    async def described_files(self, request: web.Request) -> web.Response:
        """Models in one folder, in the form of the front end's model library."""
        names = await self._models_in(request.match_info["folder"])
        return web.json_response([{"name": name, "pathIndex": 0} for name in names])

    async def metadata(self, request: web.Request) -> web.Response:
        """The metadata in the header of a safetensors file."""
        folder, filename = request.match_info["folder"], request.query.get("filename", "")
        if folder not in _folder_names() or not filename.endswith(".safetensors"):
            raise web.HTTPNotFound(text="there is no such file of metadata")
        path = await asyncio.to_thread(model_folders.find_file, folder, filename)
        metadata = None if path is None else await asyncio.to_thread(_metadata_of, Path(path))
        if metadata is None:
            raise web.HTTPNotFound(text="there is no such file, or it has no metadata")
        return web.json_response(metadata)

    async def _models_in(self, folder: str) -> list[str]:
        if model_folders.current_name(folder) not in model_folders.FOLDERS:
            raise web.HTTPNotFound(text="there is no such folder of models")
        names = await asyncio.to_thread(model_folders.files_of, folder)
        return [*await self._mesh_models(), *names] if folder == "checkpoints" else names


def _folder_names() -> list[str]:
    return [name for name in model_folders.FOLDERS if name not in _NOT_MODELS]


def _metadata_of(path: Path) -> dict[str, Any] | None:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _HEADER_LIMIT:
            return None
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return metadata if isinstance(metadata, dict) else None
