"""The README's snippets, run as they stand."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from tests.mesh.clip import frames_of, pixels_of, places_of_red
from tests.mesh.picture import colour_at
from tests.mesh.running_mesh import RunningMesh

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WAYS = ("curl", "stub", "client", "command")


@dataclass(frozen=True)
class Snippet:
    """A fenced block of the README."""

    language: str
    text: str


def snippets(*languages: str) -> list[Snippet]:
    """Its blocks in these languages, in order."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [Snippet(language, text) for language, text in blocks if language in languages]


class Reader:
    """Somebody who does what the README says, in a folder that holds what `make run` writes."""

    def __init__(self, mesh: RunningMesh, folder: Path) -> None:
        self.folder = folder
        (folder / "var").mkdir()
        (folder / "var/dev.env").write_text((mesh.state_dir / "dev.env").read_text())
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("ATELIER_")}
        self._environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(self, snippet: Snippet) -> str:
        """What it prints; it must end well. A program in Python gets address and key as the README has them set."""
        if snippet.language == "python":
            (self.folder / "snippet.py").write_text(snippet.text)
            # pytest's own folder of imports is not on a reader's path.
            text = f'set -a; . var/dev.env; set +a\nexec "{sys.executable}" -P snippet.py'
        else:
            text = snippet.text
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=110,
        )  # fmt: skip
        assert done.returncode == 0, f"{snippet.text}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture
def reader(mesh: RunningMesh, tmp_path: Path) -> Reader:
    return Reader(mesh, tmp_path)


def test_every_snippet_runs_as_it_stands_and_four_ways_make_one_picture_and_one_clip(reader: Reader) -> None:
    for snippet in snippets("bash", "python"):
        reader.run(snippet)
    (picture,) = {(reader.folder / f"{way}.png").read_bytes() for way in WAYS}
    assert colour_at(picture, 0.5, 0.5) == "red"
    assert colour_at(picture, 0.02, 0.02) == "blue"
    (clip,) = {(reader.folder / f"{way}.mp4").read_bytes() for way in WAYS}
    places = places_of_red(frames_of(clip))
    assert len(places) == 16
    assert places[0] < places[8] < places[15]
    shapes = {name: pixels_of((reader.folder / name).read_bytes()).shape for name in ("first.png", "poster.png")}
    assert shapes == {"first.png": (64, 64, 3), "poster.png": (128, 128, 3)}
    assert min(pixels_of((reader.folder / "sheet.jpg").read_bytes()).shape[:2]) > 3 * 128


def test_the_watch_snippet_shows_the_end_of_the_story(reader: Reader) -> None:
    (watch,) = (snippet for snippet in snippets("bash") if "text/event-stream" in snippet.text)
    printed = reader.run(watch)
    assert '"terminal":true' in printed
    assert "SUCCEEDED" in printed.splitlines()[-1]


def test_the_block_that_make_run_prints_is_the_one_that_it_prints(mesh: RunningMesh) -> None:
    (shown,) = snippets("text")
    rows = re.compile(r"^  (\S.*?)  +\S", re.MULTILINE)
    printed = set(rows.findall(mesh.output))
    # The mesh of the tests makes no first picture.
    assert printed | {"First picture", "Its trace id"} == set(rows.findall(shown.text))
    assert "Ctrl-C stops everything." in shown.text


def test_the_models_of_the_readme_are_a_catalogue(tmp_path: Path) -> None:
    (entry,) = (snippet for snippet in snippets("yaml") if "models:" in snippet.text)
    own = tmp_path / "models.yaml"
    own.write_text(entry.text)
    catalogue = read_catalogue(ROOT / "models/catalogue.yaml", own, root=ROOT)
    assert {card.id for card in catalogue.cards} == {"demo-image", *yaml.safe_load(entry.text)["models"]}
