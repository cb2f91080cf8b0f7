"""File routes: pictures that nodes made or read, and uploads."""

import asyncio
import json
import mimetypes
import os
import tempfile
from pathlib import Path

from aiohttp import BodyPartReader, web

from atelier_comfy.file_folders import FileFolders, FileNameError
from atelier_comfy.picture_view import NotAPictureError, channel_of, masked, preview_of

_CHUNK = 1024 * 1024
_FIELDS_LIMIT = 64 * 1024
# Browsers show these types and save all others: a file that a node wrote must not become a page of this origin.
_SHOWN = ("image/", "video/", "audio/")
_NEVER_SHOWN = ("image/svg+xml",)


class FileRoutes:
    """`/view`, `/upload/image` and `/upload/mask`."""

    def __init__(self, folders: FileFolders, max_bytes: int) -> None:
        self._folders = folders
        self._max_bytes = max_bytes

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes to be added to the application."""
        return [
            web.get("/view", self.view),
            web.post("/upload/image", self.upload_image),
            web.post("/upload/mask", self.upload_mask),
        ]

    async def view(self, request: web.Request) -> web.StreamResponse:
        """Returns a file, a preview of it or some of its channels."""
        query = request.query
        try:
            path = self._folders.path(
                query.get("type", "output"), query.get("subfolder", ""), query.get("filename", "")
            )
        except FileNameError as error:
            return web.json_response({"error": str(error)}, status=400)
        if not await asyncio.to_thread(path.is_file):
            return web.json_response({"error": "there is no such file"}, status=404)
        headers = {"Content-Disposition": f'filename="{_header_name(path.name)}"', "X-Content-Type-Options": "nosniff"}
        try:
            if query.get("preview"):
                body, kind = await asyncio.to_thread(preview_of, path, query["preview"])
            elif query.get("channel", "rgba") in ("rgb", "a"):
                body, kind = await asyncio.to_thread(channel_of, path, query["channel"])
            else:
                return _file(path, headers)
        except NotAPictureError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.Response(body=body, content_type=kind, headers=headers)

    async def upload_image(self, request: web.Request) -> web.Response:
        """Stores a file of any kind, usually a picture."""
        return await self._upload(request)

    async def upload_mask(self, request: web.Request) -> web.Response:
        """Stores a copy of the picture that `original_ref` names, with the alpha channel of the upload."""
        return await self._upload(request, mask=True)

    async def _upload(self, request: web.Request, *, mask: bool = False) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            return web.json_response({"error": "the body must be multipart/form-data"}, status=400)
        form, upload, filename = await self._read_form(request)
        try:
            if upload is None:
                return web.json_response({"error": "the field image is missing"}, status=400)
            return await asyncio.to_thread(self._store, form, upload, filename, mask)
        except (FileNameError, NotAPictureError) as error:
            return web.json_response({"error": str(error)}, status=400)
        finally:
            if upload is not None:
                upload.unlink(missing_ok=True)

    async def _read_form(self, request: web.Request) -> tuple[dict[str, str], Path | None, str]:
        """Returns the fields, and the temporary file and name of the upload: fields may follow it."""
        form: dict[str, str] = {}
        upload, filename = None, ""
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    raise web.HTTPBadRequest(text="a part of the form has parts of its own")
                if part.name == "image" and upload is None:
                    filename = part.filename or ""
                    upload = await self._spool(part)
                else:
                    form[part.name or ""] = await _text(part)
        except BaseException:
            if upload is not None:
                upload.unlink(missing_ok=True)
            raise
        return form, upload, filename

    async def _spool(self, part: BodyPartReader) -> Path:
        file = await asyncio.to_thread(
            lambda: tempfile.NamedTemporaryFile("wb", prefix=".upload-", dir=self._folders.temp, delete=False)  # noqa: SIM115 (closed below)
        )
        size = 0
        try:
            with file:
                while chunk := await part.read_chunk(_CHUNK):
                    size += len(chunk)
                    if size > self._max_bytes:
                        raise web.HTTPRequestEntityTooLarge(self._max_bytes, size)
                    await asyncio.to_thread(file.write, bytes(chunk))
        except BaseException:
            await asyncio.to_thread(os.unlink, file.name)
            raise
        return Path(file.name)

    def _store(self, form: dict[str, str], upload: Path, filename: str, mask: bool) -> web.Response:
        kind, subfolder = form.get("type") or "input", form.get("subfolder", "")
        if not filename:
            raise FileNameError("the upload has no file name")
        folder = self._folders.of_kind(kind)
        path = self._folders.path(kind, subfolder, filename)
        content = upload.read_bytes()
        if mask:
            content = masked(self._original(form), content)
        path.parent.mkdir(parents=True, exist_ok=True)
        if form.get("overwrite") not in ("true", "1"):
            path = _free_name(path, content)
        upload.write_bytes(content)
        upload.chmod(0o644)
        upload.replace(path) if upload.stat().st_dev == path.parent.stat().st_dev else path.write_bytes(content)
        return web.json_response({"name": path.name, "subfolder": _below(path.parent, folder.resolve()), "type": kind})

    def _original(self, form: dict[str, str]) -> Path:
        try:
            reference = json.loads(form.get("original_ref", ""))
            name, kind, subfolder = reference["filename"], reference.get("type", "output"), reference.get("subfolder")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise FileNameError("original_ref must be an object with filename, subfolder and type") from None
        path = self._folders.path(str(kind), str(subfolder or ""), str(name))
        if not path.is_file():
            raise FileNameError("original_ref names no file that exists")
        return path


def _free_name(path: Path, content: bytes) -> Path:
    """Returns `path`, or `name (1).ext` and so on if a file with other content has the name."""
    candidate, number = path, 1
    while candidate.exists():
        if candidate.is_file() and candidate.stat().st_size == len(content) and candidate.read_bytes() == content:
            return candidate
        candidate = path.with_name(f"{path.stem} ({number}){path.suffix}")
        number += 1
    return candidate


def _below(path: Path, folder: Path) -> str:
    below = path.relative_to(folder).as_posix()
    return "" if below == "." else below


def _file(path: Path, headers: dict[str, str]) -> web.FileResponse:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if not kind.startswith(_SHOWN) or kind in _NEVER_SHOWN:
        kind = "application/octet-stream"
        headers = {**headers, "Content-Disposition": f"attachment; {headers['Content-Disposition']}"}
    return web.FileResponse(path, headers={**headers, "Content-Type": kind})


def _header_name(name: str) -> str:
    """A file's name inside quotes of a header."""
    return "".join(character if " " <= character <= "~" and character not in '"\\' else "_" for character in name)


async def _text(part: BodyPartReader) -> str:
    text = b""
    while chunk := await part.read_chunk(_FIELDS_LIMIT):
        text += chunk
        if len(text) > _FIELDS_LIMIT:
            raise web.HTTPRequestEntityTooLarge(_FIELDS_LIMIT, len(text))
    return text.decode("utf-8", "replace")
