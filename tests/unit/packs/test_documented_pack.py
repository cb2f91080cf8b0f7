"""The pack that docs/nodes.md shows works as it stands there."""

import re
from pathlib import Path

import torch

from atelier_nodes.packs.loading import load_packs
from tests.unit.packs.pack_folder import PackFolder

PAGE = Path(__file__).parents[3] / "docs/nodes.md"


async def test_the_documented_pack_changes_the_brightness(packs: PackFolder) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    packs.write("brightness.py", source)
    loaded = await load_packs([packs.path])
    node = loaded.classes["Brightness"]()
    (image,) = getattr(node, "apply")(torch.full((1, 2, 2, 3), 0.5), 1.5)  # noqa: B009 - a class of a pack has no type
    assert image.unique().tolist() == [0.75]
    assert loaded.display_names == {"Brightness": "Change the brightness"}
