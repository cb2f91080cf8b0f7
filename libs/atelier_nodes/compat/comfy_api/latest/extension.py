"""Extensions: what `comfy_entrypoint` of a V3 pack returns."""

from abc import ABC, abstractmethod

from comfy_api.latest.io.node import ComfyNode


class ComfyExtension(ABC):
    """The nodes of a pack."""

    async def on_load(self) -> None:  # noqa: B027 - a pack need not override it
        """Is awaited once, before the nodes are listed."""

    @abstractmethod
    async def get_node_list(self) -> list[type[ComfyNode]]:
        """Returns the node classes."""
