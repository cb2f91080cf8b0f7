"""The packs that docs/nodes.md shows work as they stand there."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from atelier_nodes.packs.loading import load_packs
from tests.unit.packs.pack_folder import PackFolder

PAGE = Path(__file__).parents[3] / "docs/nodes.md"


SOURCES = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize(("form", "source"), list(zip(("Brightness", "BrightnessV3"), SOURCES, strict=True)))
async def test_the_documented_pack_changes_the_brightness(packs: PackFolder, form: str, source: str) -> None:
    packs.write("brightness.py", source)
    loaded = await load_packs([packs.path])
    node: Any = loaded.classes[form]
    (image,) = getattr(node(), node.FUNCTION)(image=torch.full((1, 2, 2, 3), 0.5), factor=1.5)
    assert image.unique().tolist() == [0.75]
    assert loaded.display_names == {form: "Change the brightness"}
