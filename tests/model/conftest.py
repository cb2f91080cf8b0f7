"""One engine with the demo model, for every test that needs torch."""

from pathlib import Path

import pytest

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.torch_backend.local_engine import open_engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo_catalogue() -> Catalogue:
    """The catalogue that ships."""
    return read_catalogue(ROOT / "models" / "catalogue.yaml", root=ROOT)


@pytest.fixture(scope="session")
def engine(demo_catalogue: Catalogue) -> ImageEngine:
    """On the CPU, one thread: other tests share the cores. Every test leaves the demo model loaded."""
    opened = open_engine(demo_catalogue, device="cpu", threads=1)
    opened.load("")
    return opened
