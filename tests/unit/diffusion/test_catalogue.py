"""The models that can be asked for."""

import json
from pathlib import Path
from textwrap import dedent

import pytest
from tests.unit.diffusion.model_files import write_model

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.policy.errors import CatalogueError, EngineError
from atelier_diffusion.policy.model_card import ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource

ROOT = Path(__file__).parents[3]


def read(root: Path, shipped: str, user: str | None = None) -> Catalogue:
    (root / "catalogue.yaml").write_text(dedent(shipped))
    if user is not None:
        (root / "models.yaml").write_text(dedent(user))
    return read_catalogue(root / "catalogue.yaml", root / "models.yaml", root=root)


SHIPPED = """
    default: demo
    models:
      demo:
        source: path:models/demo
        defaults: {steps: 30}
"""


def test_the_shipped_catalogue_has_the_demo_model_as_default() -> None:
    catalogue = read_catalogue(ROOT / "models" / "catalogue.yaml", root=ROOT)
    assert catalogue.default.id == "demo-image"
    assert catalogue.default.folder == ROOT / "models" / "demo-image"


def test_what_an_entry_leaves_out_comes_from_the_card_in_its_folder(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "demo")
    card = {
        "display_name": "Demo",
        "revision": "abc",
        "defaults": {"width_px": 256, "height_px": 192, "steps": 20, "guidance_scale": 3.0, "scheduler": "DDIM"},
        "size_multiple_px": 32,
        "max_width_px": 512,
        "max_height_px": 448,
    }
    (folder / "card.json").write_text(json.dumps(card))
    demo = read(tmp_path, SHIPPED).default
    assert (demo.display_name, demo.revision, demo.folder) == ("Demo", "", folder)
    assert demo.defaults == ModelDefaults(256, 192, 30, 3.0, "DDIM")  # steps from the entry
    assert (demo.size_multiple_px, demo.max_size_px) == (32, 448)


def test_only_a_commit_names_weights_that_are_not_here_yet(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    revisions = {
        source: ModelSource.parse(source).commit
        for source in (f"hf:owner/sd@{commit}", "hf:owner/sd@main", "hf:owner/sd", f"modelscope:owner/sd@{commit}")
    }
    assert list(revisions.values()) == [commit, "", "", ""]
    user = f"models: {{sd: {{source: 'hf:owner/sd@{commit}'}}}}"
    assert read(tmp_path, SHIPPED, user).get("sd").revision == commit


def test_a_missing_folder_does_not_stop_the_others(tmp_path: Path) -> None:
    demo = read(tmp_path, SHIPPED).default
    assert (demo.revision, demo.defaults.steps, demo.size_multiple_px) == ("", 30, 8)


def test_the_users_file_is_laid_over_the_shipped_one_field_by_field(tmp_path: Path) -> None:
    user = """
        default: sd
        models:
          sd: {source: "hf:owner/sd@main", display_name: SD, max_size_px: 1024}
          demo: {display_name: Mine, defaults: {guidance_scale: 2}}
    """
    catalogue = read(tmp_path, SHIPPED, user)
    assert [card.id for card in catalogue.cards] == ["sd", "demo"]
    assert (catalogue.default.id, catalogue.default.revision, catalogue.default.folder) == ("sd", "", None)
    demo = catalogue.get("demo")
    assert (demo.display_name, demo.defaults.steps, demo.defaults.guidance_scale) == ("Mine", 30, 2)
    assert not demo.is_default


def test_an_empty_id_means_the_default_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    catalogue = read(tmp_path, SHIPPED)
    assert catalogue.get("") is catalogue.default
    with pytest.raises(EngineError) as refused:
        catalogue.get("other")
    assert refused.value.reason == "UNKNOWN_MODEL"


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("{source: 'path:x', stepz: 3}", "stepz"),
        ("{source: 3}", "source"),
        ("{}", "source"),
        ("{source: 'path:x', dtype: int4}", "dtype"),
        ("{source: 'path:x', defaults: {scheduler: PLMS}}", "scheduler"),
        ("{source: 'path:x', defaults: {steps: true}}", "steps"),
        ("[]", "mapping"),
        ("{source: nowhere}", "model 'demo': source"),
        ("{source: 'path:x', defaults: [1]}", "defaults"),
        ("{source: 'path:x', defaults: {1: 2}}", "unknown field 1"),
        ("{source: 'path:x', defaults: {step: 3}}", "did you mean steps"),
        ("{source: 'path:x', defaults: {steps: 0}}", "steps is 0, too small"),
        ("{source: 'path:x', defaults: {width_px: -8}}", "width_px"),
        ("{source: 'path:x', defaults: {width_px: 100}}", "width_px is 100, not a multiple of 8"),
        ("{source: 'path:x', defaults: {height_px: 4096}}", "height_px is 4096, more than 2048"),
        ("{source: 'path:x', defaults: {steps: 1000}}", "steps is 1000, more than 200"),
        ("{source: 'path:x', defaults: {frame_rate_hz: 0}}", "frame_rate_hz is 0, too small"),
        ("{source: 'path:x', defaults: {guidance_scale: .nan}}", "guidance_scale must be finite"),
        ("{source: 'path:x', size_multiple_px: 0}", "size_multiple_px"),
        ("{source: 'path:x', kind: [image]}", "kind"),
        ("{source: 'path:x', display_name: 7}", "display_name has the wrong type, int: it is text"),
        ("{source: 'path:x', revision: r1}", "unknown field 'revision'"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: str, named: str) -> None:
    with pytest.raises(CatalogueError, match=named):
        read(tmp_path, f"default: demo\nmodels:\n  demo: {entry}\n")


def test_a_default_that_is_no_model_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"models\.yaml: the default model 'nope' is not in the catalogue"):
        read(tmp_path, SHIPPED, "default: nope")


@pytest.mark.parametrize("model_id", ["1", "2024-01-01", "true", '"a\\tb"', '"a\\nb"', "''", "x" * 101, "null"])
def test_an_id_is_short_printable_text(tmp_path: Path, model_id: str) -> None:
    with pytest.raises(CatalogueError, match="an id is printable text"):
        read(tmp_path, SHIPPED, f"models: {{{model_id}: {{source: 'path:x'}}}}")


@pytest.mark.parametrize(
    "card", ["[]", "{", "[" * 5000, '{"kind": "song"}', '{"defaults": []}', '{"max_width_px": "wide"}']
)
def test_a_wrong_card_is_named(tmp_path: Path, card: str) -> None:
    folder = write_model(tmp_path / "models" / "demo")
    (folder / "card.json").write_text(card)
    with pytest.raises(CatalogueError, match=r"card\.json"):
        read(tmp_path, SHIPPED)


def test_a_users_file_of_comments_changes_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, SHIPPED, "# nothing yet\n").default.id == "demo"


@pytest.mark.parametrize("text", [b"models: {x: [", b"\xff\xfe\x00", b"models: " + b"[" * 3000, b"modelz: {}"])
def test_a_users_file_that_is_none_is_named_in_one_line(tmp_path: Path, text: bytes) -> None:
    read(tmp_path, SHIPPED)
    (tmp_path / "models.yaml").write_bytes(text)
    with pytest.raises(CatalogueError, match=r"models\.yaml") as refused:
        read_catalogue(tmp_path / "catalogue.yaml", tmp_path / "models.yaml", root=tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[1]", "models: [1]", "a: b: c", "models: {}"])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogueError):
        read(tmp_path, text)


def test_a_size_must_suit_the_model(tmp_path: Path) -> None:
    user = "models: {demo: {size_multiple_px: 32, max_size_px: 512}}"
    demo = read(tmp_path, SHIPPED, user).default
    demo.check_size(512, 64)
    for width_px, height_px, named in ((264, 256, "width_px"), (256, 544, "height_px"), (0, 256, "width_px")):
        with pytest.raises(EngineError, match=named) as refused:
            demo.check_size(width_px, height_px)
        assert refused.value.reason == "INVALID_SIZE"


def test_an_entry_declares_whether_its_model_accepts_a_first_frame(tmp_path: Path) -> None:
    entry = {"kind": "video", "source": "path:models/v"}
    document = {"default": "v", "models": {"v": entry, "w": {**entry, "takes_first_frame": True}}}
    (tmp_path / "catalogue.yaml").write_text(json.dumps(document))
    catalogue = read_catalogue(tmp_path / "catalogue.yaml", root=tmp_path, kind="video")
    assert [card.takes_first_frame for card in catalogue.cards] == [False, True]
    document["models"] = {"v": {**entry, "takes_first_frame": "yes"}}
    (tmp_path / "catalogue.yaml").write_text(json.dumps(document))
    with pytest.raises(CatalogueError, match="takes_first_frame has the wrong type"):
        read_catalogue(tmp_path / "catalogue.yaml", root=tmp_path, kind="video")
