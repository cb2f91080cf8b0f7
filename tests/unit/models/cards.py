"""Model cards as a catalogue holds them."""

from pathlib import Path

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource

DEMO = ModelCard(
    id="demo",
    display_name="Demo",
    source=ModelSource("path", "models/demo"),
    revision="r1",
    folder=Path("/models/demo"),
    defaults=ModelDefaults(width_px=256, height_px=128, steps=20, guidance_scale=3.0, scheduler="DDIM"),
    size_multiple_px=32,
    max_size_px=512,
    is_default=True,
)
HUB = ModelCard(
    id="hub",
    display_name="From a hub",
    source=ModelSource("hf", "somebody/something"),
    revision="",
    folder=None,
    defaults=ModelDefaults(),
)
CATALOGUE = Catalogue([HUB, DEMO], "demo")
