"""What importing the library loads: torch only where the backend is opened."""

import subprocess
import sys
from pathlib import Path

import atelier_diffusion

ROOT = Path(atelier_diffusion.__path__[0])
HEAVY = {"torch", "diffusers", "transformers", "huggingface_hub", "modelscope"}


def modules(*folders: str) -> list[str]:
    """Every module in these folders of the library."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return [".".join(file.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__") for file in files]


def loaded_by(names: list[str], among: set[str]) -> str:
    """Which modules of `among` a fresh interpreter has loaded when it has imported `names`."""
    program = "import sys\n" + "".join(f"import {name}\n" for name in names)
    program += f"print(sorted({among!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_everything_but_the_backend_imports_no_torch() -> None:
    folders = [folder.name for folder in ROOT.iterdir() if folder.is_dir() and folder.name != "torch_backend"]
    names = modules(*folders)
    assert "atelier_diffusion.remote.engine_server" in names
    assert loaded_by([*names, "atelier_diffusion.torch_backend.local_engine"], HEAVY) == "[]"


def test_the_rules_and_the_catalogue_import_no_numpy() -> None:
    assert loaded_by(modules("policy", "catalogue"), HEAVY | {"numpy", "PIL"}) == "[]"
