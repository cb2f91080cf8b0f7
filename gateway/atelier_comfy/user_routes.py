"""User routes: settings and files of the front end, for one user."""

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from atelier_comfy.file_folders import FileNameError, inside

_USER = "default"
_SETTINGS = "comfy.settings.json"


class UserRoutes:
    """`/users`, `/settings` and `/userdata`; files are below the user's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _USER
        self._writing = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes to be added to the application."""
        return [
            web.get("/users", self.users),
            web.post("/users", self.add_user),
            web.get("/settings", self.settings),
            web.post("/settings", self.change_settings),
            web.get("/settings/{id}", self.setting),
            web.post("/settings/{id}", self.change_setting),
            web.get("/userdata", self.list_files),
            web.get("/v2/userdata", self.list_entries),
            web.post("/userdata/{file}/move/{target}", self.move),
            web.get("/userdata/{file}", self.read),
            web.post("/userdata/{file}", self.write),
            web.delete("/userdata/{file}", self.delete),
        ]

    async def users(self, _request: web.Request) -> web.Response:
        """One user, and files on the server."""
        return web.json_response({"storage": "server", "migrated": True})

    async def add_user(self, _request: web.Request) -> web.Response:
        """Refused: there is one user."""
        return web.json_response({"error": "this server has one user"}, status=400)

    async def settings(self, _request: web.Request) -> web.Response:
        """All settings."""
        return web.json_response(await asyncio.to_thread(self._read_settings))

    async def setting(self, request: web.Request) -> web.Response:
        """One setting, null when it was never set."""
        settings = await asyncio.to_thread(self._read_settings)
        return web.json_response(settings.get(request.match_info["id"]))

    async def change_settings(self, request: web.Request) -> web.Response:
        """Changes the settings that the body holds."""
        changes = await request.json()
        if not isinstance(changes, dict):
            return web.json_response({"error": "the body must be an object"}, status=400)
        return await self._change(changes)

    async def change_setting(self, request: web.Request) -> web.Response:
        """Changes one setting."""
        return await self._change({request.match_info["id"]: await request.json()})

    async def list_files(self, request: web.Request) -> web.Response:
        """Files below a folder: names, names in parts (`split`), or names with size and time (`full_info`)."""
        query = request.query
        directory = query.get("dir", "")
        if not directory:
            return web.json_response({"error": "dir is missing"}, status=400)
        try:
            folder = inside(self._folder, directory)
        except FileNameError as error:
            return web.json_response({"error": str(error)}, status=403)
        if not await asyncio.to_thread(folder.is_dir):
            return web.json_response({"error": "there is no such folder"}, status=404)
        files = await asyncio.to_thread(list, _files(folder, recurse=_wanted(query.get("recurse"))))
        names = [path.relative_to(folder).as_posix() for path in files]
        if _wanted(query.get("full_info")):
            return web.json_response([_info(path, name) for path, name in zip(files, names, strict=True)])
        if _wanted(query.get("split")):
            return web.json_response([[name, *name.split("/")] for name in names])
        return web.json_response(names)

    async def list_entries(self, request: web.Request) -> web.Response:
        """Files and folders directly in a folder."""
        try:
            path = request.query.get("path", "").strip("/")
            folder = inside(self._folder, path) if path else self._folder
        except FileNameError as error:
            return web.json_response({"error": str(error)}, status=403)
        if not await asyncio.to_thread(folder.is_dir):
            return web.json_response(
                [] if not path else {"error": "there is no such folder"}, status=404 if path else 200
            )
        entries = await asyncio.to_thread(lambda: sorted(folder.iterdir()))
        root = self._folder.resolve()
        return web.json_response([_entry(entry, entry.resolve().relative_to(root).as_posix()) for entry in entries])

    async def read(self, request: web.Request) -> web.StreamResponse:
        """Returns a file, always as data: it must not become a page of this origin."""
        path = self._path(request, "file")
        if not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound(text="there is no such file")
        headers = {"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff"}
        if path.suffix == ".json":
            headers["Content-Type"] = "application/json"
        return web.FileResponse(path, headers=headers)

    async def write(self, request: web.Request) -> web.Response:
        """Stores the body as a file; 409 when it exists and `overwrite` is false."""
        path = self._path(request, "file")
        body = await request.read()
        return await self._place(request, path, lambda: _write(path, body))

    async def delete(self, request: web.Request) -> web.Response:
        """Deletes a file."""
        path = self._path(request, "file")
        if not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound(text="there is no such file")
        await asyncio.to_thread(path.unlink)
        return web.Response(status=204)

    async def move(self, request: web.Request) -> web.Response:
        """Renames a file; 409 when the target exists and `overwrite` is false."""
        source, target = self._path(request, "file"), self._path(request, "target")
        if not await asyncio.to_thread(source.is_file):
            raise web.HTTPNotFound(text="there is no such file")

        def rename() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)

        return await self._place(request, target, rename)

    async def _place(self, request: web.Request, path: Path, act: Any) -> web.Response:
        async with self._writing:
            if request.query.get("overwrite") == "false" and await asyncio.to_thread(path.exists):
                raise web.HTTPConflict(text="there is a file of this name")
            await asyncio.to_thread(act)
        name = path.relative_to(self._folder.resolve()).as_posix()
        return web.json_response(_info(path, name) if _wanted(request.query.get("full_info")) else name)

    def _path(self, request: web.Request, part: str) -> Path:
        try:
            return inside(self._folder, request.match_info[part])
        except FileNameError as error:
            raise web.HTTPForbidden(text=str(error)) from None

    async def _change(self, changes: dict[str, Any]) -> web.Response:
        async with self._writing:
            settings = await asyncio.to_thread(self._read_settings)
            text = json.dumps({**settings, **changes}, indent=4).encode()
            await asyncio.to_thread(_write, self._folder / _SETTINGS, text)
        return web.Response()

    def _read_settings(self) -> dict[str, Any]:
        try:
            settings = json.loads((self._folder / _SETTINGS).read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise web.HTTPInternalServerError(text=f"the file of settings is not JSON: {_SETTINGS}") from None
        return settings if isinstance(settings, dict) else {}


def _wanted(value: str | None) -> bool:
    return value is not None and value.lower() in ("true", "1")


def _files(folder: Path, *, recurse: bool) -> Iterator[Path]:
    for directory, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(directory, name) for name in sorted(names))
        if not recurse:
            return


def _info(path: Path, name: str) -> dict[str, Any]:
    status = path.stat()
    # Milliseconds, as the front end reads them.
    return {
        "path": name,
        "size": status.st_size,
        "modified": int(status.st_mtime * 1000),
        "created": int(status.st_ctime * 1000),
    }


def _entry(path: Path, name: str) -> dict[str, Any]:
    if path.is_dir():
        return {"name": path.name, "path": name, "type": "directory"}
    return {**_info(path, name), "name": path.name, "type": "file"}


def _write(path: Path, body: bytes) -> None:
    """Writes a file atomically: after a crash it has the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)
