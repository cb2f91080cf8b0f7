"""What a fresh mesh shows of itself: a picture and a clip of the models that ship."""

from collections.abc import Callable
from pathlib import Path

from atelier_mesh.address import Address
from atelier_mesh.door import Door

PICTURE = {"prompt": "a red circle on a blue background", "seed": 1}
CLIP = {"prompt": "a red ball moving right on a white background", "seed": 1}
# Seconds. A picture takes one, a clip up to half a minute on two cores; others may stand in the queue before them.
_PICTURE_S = 90.0
_CLIP_S = 300.0


async def make_picture(address: Address, target: Path) -> str:
    """Makes it, writes it to `target` and answers the trace of its making. Raises NotMadeError, OSError."""
    async with Door.open(address) as door:
        image = await door.make("/api/v1/images/generate", PICTURE, _PICTURE_S)
        await door.save(image["links"]["content"], target)
    trace_id: str = image["trace_id"]
    return trace_id


async def make_clip(address: Address, target: Path, sheet: Path) -> str:
    """The same for a clip; its contact sheet is written to `sheet`."""
    async with Door.open(address) as door:
        video = await door.make("/api/v1/videos/generate", CLIP, _CLIP_S)
        await door.save(video["links"]["content"], target)
        await door.save(f"{video['links']['content']}?role=CONTACT_SHEET", sheet)
    trace_id: str = video["trace_id"]
    return trace_id


async def make_demo(address: Address, folder: Path, tell: Callable[[str], None]) -> dict[str, str]:
    """Makes both; answers where they lie, by what they are. Raises NotMadeError, OSError."""
    picture, clip, sheet = folder / "picture.png", folder / "clip.mp4", folder / "clip-sheet.jpg"
    tell(f'Making a picture, "{PICTURE["prompt"]}" ...')
    await make_picture(address, picture)
    tell(f'Making a clip, "{CLIP["prompt"]}"; it may take half a minute ...')
    await make_clip(address, clip, sheet)
    return {"Picture": str(picture), "Clip": str(clip), "Contact sheet": str(sheet)}
