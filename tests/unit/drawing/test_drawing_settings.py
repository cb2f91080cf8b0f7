"""Settings of services that draw: the catalogue of models that they name."""

from pathlib import Path
from typing import ClassVar

import pytest

from atelier_diffusion.policy.model_card import ModelKind
from atelier_drawing.settings import DrawingSettings
from atelier_service.configuration import ConfigurationError


class Settings(DrawingSettings):
    kind: ClassVar[ModelKind] = "image"


def test_a_catalogue_that_is_missing_is_named_with_the_setting_and_where_it_was_looked_for(tmp_path: Path) -> None:
    missing = tmp_path / "catalogue.yaml"

    with pytest.raises(ConfigurationError) as refused:
        Settings(models=str(missing)).catalogue()

    assert str(refused.value) == f"ATELIER_MODELS={missing}: there is no file {missing}"
