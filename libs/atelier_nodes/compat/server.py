"""`server`: the prompt server of this host."""

from aiohttp import web

from atelier_nodes.packs.prompt_server import BinaryEventTypes, PromptServer

__all__ = ["BinaryEventTypes", "PromptServer", "web"]
