"""What touches a model's inside can be imported and inherited from, and says what is missing when it is used."""

import pytest

from atelier_nodes.packs.loading import load_packs
from tests.unit.packs.pack_folder import PackFolder

USES = """
import comfy.sd
import comfy.model_patcher
from comfy.ldm.modules.attention import optimized_attention
from comfy.k_diffusion.sampling import sample_euler as euler
from comfy_extras.nodes_mask import SomethingOfIt

class Patcher(comfy.model_patcher.ModelPatcher):
    def patch(self):
        return 1

class Loads:
    RETURN_TYPES = ("MODEL",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def run(self):
        return comfy.sd.load_checkpoint_guess_config("x.safetensors")

class Patches(Loads):
    def run(self):
        return Patcher("model")

class Attends(Loads):
    @classmethod
    def run(cls):
        return optimized_attention.variants.fast(1)

NODE_CLASS_MAPPINGS = {"Loads (test)": Loads, "Patches": Patches, "Attends": Attends}
"""


async def test_a_pack_that_names_internals_loads(packs: PackFolder) -> None:
    packs.write("inside-a-model/__init__.py", USES)
    (report,) = (await load_packs([packs.path])).reports
    assert (report.error, report.nodes) == ("", ("Attends", "Loads (test)", "Patches"))


@pytest.mark.parametrize(
    ("node", "missing"),
    [
        ("Loads (test)", "comfy.sd.load_checkpoint_guess_config"),
        ("Patches", "comfy.model_patcher.ModelPatcher"),
        ("Attends", "comfy.ldm.modules.attention.optimized_attention.variants.fast"),
    ],
)
async def test_the_error_names_the_pack_the_node_and_what_is_missing(
    packs: PackFolder, node: str, missing: str
) -> None:
    packs.write("inside-a-model/__init__.py", USES)
    node_class = (await load_packs([packs.path])).classes[node]
    with pytest.raises(NotImplementedError, match="missing") as raised:
        getattr(node_class(), "run")()  # noqa: B009 - a class of a pack has no type
    assert f"Pack 'inside-a-model', node {node}, uses {missing}, which is missing" in str(raised.value)


async def test_an_import_that_uses_internals_fails_with_the_same_words(packs: PackFolder) -> None:
    packs.write("early.py", "import comfy.sd\nCLIP = comfy.sd.CLIP()\n")
    (report,) = (await load_packs([packs.path])).reports
    assert report.error.startswith("ModelInternalsError: Pack 'early' uses comfy.sd.CLIP, which is missing")
    assert report.error.endswith("(early.py:2)")


async def test_the_pack_is_recognised_by_its_files_also_of_modules_that_it_imports_by_a_path_of_its_own(
    packs: PackFolder,
) -> None:
    packs.write(
        "own-path/__init__.py",
        "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nfrom loader_of_own_path import *\n",
    )
    packs.write("own-path/loader_of_own_path.py", USES)
    node_class = (await load_packs([packs.path])).classes["Loads (test)"]
    with pytest.raises(NotImplementedError, match=r"Pack 'own-path', node Loads \(test\), uses"):
        getattr(node_class(), "run")()  # noqa: B009 - a class of a pack has no type
