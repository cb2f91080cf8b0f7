"""Options of `atelier generate` for its initial picture or latent, its steps and its noise."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient

_LATENT = "application/vnd.safetensors"
_NARROW_SEEDS = 2**32

Init = Annotated[
    str | None, Option(metavar="FILE|ASSET", help="A picture or latent to begin with, a file or the id of an asset.")
]
Mask = Annotated[
    str | None, Option(metavar="FILE|ASSET", help="A picture whose white is drawn anew; the rest of --init stays.")
]
Denoise = Annotated[
    float | None, Option(help="How much of --init is drawn anew, more than 0 to 1: 1 nearly all, 0.2 a little.")
]
StartStep = Annotated[int | None, Option(help="The step to begin with, of a latent that stopped there.")]
EndStep = Annotated[int | None, Option(help="The step to stop before; the latent keeps its noise.")]
AddNoise = Annotated[
    bool | None, Option("--add-noise/--no-add-noise", help="Add noise to --init; by default unless --start-step.")
]
KeepNoise = Annotated[
    bool | None, Option("--keep-noise/--no-keep-noise", help="Leave the noise in what stops early; by default yes.")
]
Sigmas = Annotated[
    str | None,
    Option(help="Spacing of the noise levels: normal, karras, exponential, sgm-uniform, simple, ddim-uniform or beta."),
]
OutputLatent = Annotated[
    Path | None, Option(help="File for the latent besides, .safetensors; several become out-0.safetensors and so on.")
]


def seeds(seed: int | None) -> dict[str, int | None]:
    """Returns the parameter of a seed: `seed` for one of 32 bits, `wide_seed` for a larger one."""
    return {"seed": seed} if seed is None or seed < _NARROW_SEEDS else {"wide_seed": seed}


async def inputs(client: "AsyncClient", init: str | None, mask: str | None) -> dict[str, Any]:
    """Returns the parameters of the initial picture or latent and of the mask; files are uploaded.

    Raises OSError when a file cannot be read.
    """
    found: dict[str, Any] = {}
    if init is not None:
        asset_id, content_type = await _asset(client, init)
        found["init_latent" if content_type == _LATENT else "init_image"] = asset_id
    if mask is not None:
        found["mask"] = (await _asset(client, mask))[0]
    return found


async def _asset(client: "AsyncClient", named: str) -> tuple[str, str]:
    """Returns id and content type of an asset, which is uploaded when `named` is a file."""
    path = Path(named)
    if await asyncio.to_thread(path.is_file) or path.suffix or len(path.parts) > 1:
        asset = await client.upload(path)
    else:
        asset = await client.assets.get(named)
    return asset.id, asset.content_type
