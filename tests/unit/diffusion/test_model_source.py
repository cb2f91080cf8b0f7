"""Where a model comes from."""

from pathlib import Path

import pytest

from atelier_diffusion.policy.errors import CatalogueError
from atelier_diffusion.policy.model_source import ModelSource


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("path:models/demo-image", ModelSource("path", "models/demo-image")),
        ("path:/srv/a:b", ModelSource("path", "/srv/a:b")),
        ("hf:owner/name", ModelSource("hf", "owner/name")),
        ("hf:owner/na.me-1@refs/pr/3", ModelSource("hf", "owner/na.me-1", "refs/pr/3")),
        ("modelscope:AI-ModelScope/sdxl@v1.0", ModelSource("modelscope", "AI-ModelScope/sdxl", "v1.0")),
    ],
)
def test_a_source_reads_back_as_it_was_written(text: str, source: ModelSource) -> None:
    assert ModelSource.parse(text) == source
    assert str(source) == text


@pytest.mark.parametrize(
    "text", ["", "path:", "models/demo", "hf:name", "hf:a/b/c", "hf:a/b@", "hf:../b", "s3:a/b", "hf:a b/c"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CatalogueError):
        ModelSource.parse(text)


def test_a_relative_folder_is_taken_from_the_root(tmp_path: Path) -> None:
    assert ModelSource("path", "models/x").folder(tmp_path) == tmp_path / "models" / "x"
    assert ModelSource("path", "/srv/x").folder(tmp_path) == Path("/srv/x")
