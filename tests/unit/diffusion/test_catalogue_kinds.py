"""Models that draw pictures and models that draw clips, in one catalogue."""

import json
from pathlib import Path
from textwrap import dedent

import pytest

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.policy.errors import CatalogueError, EngineError
from atelier_diffusion.policy.model_card import ModelDefaults, ModelKind

BOTH = """
    default: [picture, clip]
    models:
      picture: {source: "path:picture"}
      other: {source: "path:other"}
      clip:
        source: path:clip
        kind: video
        max_frames: 24
        defaults: {width_px: 128, height_px: 128, frames: 12, frame_rate_hz: 6.5}
"""


def read(root: Path, kind: ModelKind, shipped: str = BOTH, user: str | None = None) -> Catalogue:
    (root / "catalogue.yaml").write_text(dedent(shipped))
    if user is not None:
        (root / "models.yaml").write_text(dedent(user))
    return read_catalogue(root / "catalogue.yaml", root / "models.yaml", root=root, kind=kind)


def test_each_kind_has_its_own_models_and_its_own_default(tmp_path: Path) -> None:
    images, videos = read(tmp_path, "image"), read(tmp_path, "video")
    assert [card.id for card in images.cards] == ["picture", "other"]
    assert [card.id for card in videos.cards] == ["clip"]
    assert videos.default.is_default
    with pytest.raises(EngineError) as refused:
        images.get("clip")
    assert refused.value.reason == "UNKNOWN_MODEL"


def test_a_video_model_declares_length_and_rate_of_its_clips(tmp_path: Path) -> None:
    clip = read(tmp_path, "video").default
    assert (clip.kind, clip.max_frames) == ("video", 24)
    assert clip.defaults == ModelDefaults(128, 128, frames=12, frame_rate_hz=6.5)


def test_what_the_entry_leaves_out_may_stand_in_the_models_card(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    card = {"kind": "video", "max_frames": 32, "defaults": {"frames": 8, "frame_rate_hz": 4}}
    (tmp_path / "clip" / "card.json").write_text(json.dumps(card))
    clip = read(tmp_path, "video", "default: clip\nmodels: {clip: {source: 'path:clip'}}").default
    assert (clip.max_frames, clip.defaults.frames, clip.defaults.frame_rate_hz) == (32, 8, 4)


def test_a_user_may_choose_another_default_of_one_kind(tmp_path: Path) -> None:
    user = "default: mine\nmodels: {mine: {source: 'hf:a/b', kind: video}}"
    assert read(tmp_path, "video", user=user).default.id == "mine"
    assert read(tmp_path, "image", user=user).default.id == "picture"


@pytest.mark.parametrize(
    ("shipped", "named"),
    [
        ("default: picture\nmodels: {picture: {source: 'path:p'}}", "no default video model"),
        ("default: [picture, gone]\nmodels: {picture: {source: 'path:p'}}", "gone"),
        ("default: p\nmodels: {p: {source: 'path:p', kind: song}}", "kind"),
        ("default: p\nmodels: {p: {source: 'path:p', max_frames: many}}", "max_frames"),
        ("default: p\nmodels: {p: {source: 'path:p', defaults: {frames: 1.5}}}", "frames"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, shipped: str, named: str) -> None:
    with pytest.raises(CatalogueError, match=named):
        read(tmp_path, "video", shipped)
