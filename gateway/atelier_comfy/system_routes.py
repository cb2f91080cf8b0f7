"""System routes: the machine, the features of the server, and empty lists for the front end."""

import platform
import sys
from importlib import metadata
from typing import Any

import psutil
from aiohttp import web

from atelier_comfy.client_socket import SERVER_FEATURES

COMFYUI_VERSION = "0.33.0"
"""The version of ComfyUI whose protocol this is: clients compare it with the one that they need."""

_EMPTY_OBJECTS = ("/workflow_templates", "/i18n", "/global_subgraphs")


class SystemRoutes:
    """`/system_stats`, `/features` and routes that return empty objects."""

    def __init__(self, *, max_upload_bytes: int, arguments: list[str]) -> None:
        self._max_upload_bytes = max_upload_bytes
        self._arguments = arguments

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes to be added to the application."""
        return [
            web.get("/system_stats", self.system_stats),
            web.get("/features", self.features),
            *(web.get(path, _empty_object) for path in _EMPTY_OBJECTS),
        ]

    async def system_stats(self, _request: web.Request) -> web.Response:
        """Versions, memory and devices. torch's numbers are unknown here: only hosts import it."""
        memory = psutil.virtual_memory()
        system = {
            "os": sys.platform,
            "ram_total": memory.total,
            "ram_free": memory.available,
            "comfyui_version": COMFYUI_VERSION,
            "atelier_version": _version("atelier-mesh"),
            "required_frontend_version": _version("comfyui-frontend-package"),
            "installed_templates_version": None,
            "required_templates_version": None,
            "python_version": sys.version,
            "pytorch_version": _version("torch"),
            "embedded_python": False,
            "argv": self._arguments,
        }
        return web.json_response({"system": system, "devices": [_processor(memory)]})

    async def features(self, _request: web.Request) -> web.Response:
        """The features of the server."""
        return web.json_response({**SERVER_FEATURES, "max_upload_size": self._max_upload_bytes})


def _processor(memory: Any) -> dict[str, Any]:
    return {
        "name": platform.processor() or "cpu",
        "type": "cpu",
        "index": None,
        "vram_total": memory.total,
        "vram_free": memory.available,
        "torch_vram_total": memory.total,
        "torch_vram_free": memory.available,
    }


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


async def _empty_object(_request: web.Request) -> web.Response:
    return web.json_response({})
