"""The `atelier` command against the whole mesh."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from atelier_client import Client
from atelier_media.clip_reader import sniff_container
from tests.mesh.clip import frames_of
from tests.mesh.picture import colour_at
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed

PROMPT = "a red circle on a blue background"


class Atelier:
    """Runs the installed command in a folder that holds what `make run` writes."""

    def __init__(self, mesh: RunningMesh, folder: Path, over: Sequence[str]) -> None:
        self.folder = folder
        self._over = over
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("ATELIER_")}
        (folder / "var").mkdir()
        lines = [f"{name}={value}" for name, value in mesh.environment.items()]
        (folder / "var/dev.env").write_text("\n".join(lines))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """The command, still running."""
        command = [str(Path(sys.executable).parent / "atelier"), *self._over, *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=self.folder, env=self._environment)

    def __call__(self, *words: str, code: int = 0) -> str:
        """What it printed; it must exit with `code`."""
        running = self.start(*words)
        output, errors = running.communicate(timeout=90)
        assert running.returncode == code, errors
        assert "Traceback" not in errors
        return output if code == 0 else errors


@pytest.fixture(params=[[], ["--grpc"]], ids=["rest", "grpc"])
def atelier(request: pytest.FixtureRequest, mesh: RunningMesh, tmp_path: Path) -> Atelier:
    """The command, over each transport in turn."""
    return Atelier(mesh, tmp_path, request.param)


def test_a_prompt_becomes_a_file(atelier: Atelier) -> None:
    assert atelier("generate", PROMPT, "-o", "out.png", "--seed", "1") == "out.png\n"
    data = (atelier.folder / "out.png").read_bytes()
    assert colour_at(data, 0.5, 0.5) == "red"
    assert colour_at(data, 0.02, 0.02) == "blue"


def test_several_pictures_in_the_format_of_the_file_name(atelier: Atelier) -> None:
    answer = json.loads(atelier("generate", PROMPT, "--count", "2", "-o", "out.webp", "--json"))
    assert answer["files"] == ["out-0.webp", "out-1.webp"]
    with Image.open(atelier.folder / "out-1.webp") as opened:
        assert opened.format == "WEBP"


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif"])
def test_a_prompt_becomes_a_clip_in_the_format_of_the_file_name(atelier: Atelier, name: str) -> None:
    words = ("--seed", "1", "--steps", "2", "--poster", "poster.png", "--sheet", "sheet.jpg")
    assert atelier("video", "a red ball moving right", "-o", name, *words).split() == [name, "poster.png", "sheet.jpg"]
    assert sniff_container((atelier.folder / name).read_bytes()) == name.rpartition(".")[2].upper()
    assert len(frames_of((atelier.folder / name).read_bytes())) == 16
    with Image.open(atelier.folder / "poster.png") as poster:
        assert poster.size == (128, 128)


def test_a_video_is_listed_shown_taken_apart_and_deleted(atelier: Atelier) -> None:
    seed = str(new_seed())
    video_id = atelier("video", "a red ball moving right", "--no-wait", "--seed", seed, "--frames", "4").strip()
    last = json.loads(atelier("watch", video_id, "--json").splitlines()[-1])
    assert (last.get("generation_progress") or last["snapshot"])["state"] == "SUCCEEDED"
    assert video_id in atelier("videos", "--state", "succeeded", "--limit", "5")
    assert "4 at 8 a second" in atelier("show", video_id)
    files = atelier("frames", video_id, "-o", "frames").split()
    assert len(files) == 4
    assert all((atelier.folder / file).read_bytes().startswith(b"\x89PNG") for file in files)
    atelier("delete", video_id)
    assert "atelier: " in atelier("show", video_id, code=5)


def test_an_image_is_listed_shown_watched_and_deleted(atelier: Atelier) -> None:
    image_id = atelier("generate", PROMPT, "--no-wait", "--seed", str(new_seed())).strip()
    last = json.loads(atelier("watch", image_id, "--json").splitlines()[-1])
    assert (last.get("generation_progress") or last["snapshot"])["state"] == "SUCCEEDED"
    assert image_id in atelier("images", "--state", "succeeded", "--limit", "5")
    assert "SUCCEEDED" in atelier("show", image_id)
    atelier("delete", image_id)
    assert "atelier: " in atelier("show", image_id, code=5)


def test_ctrl_c_cancels_the_image(atelier: Atelier, mesh: RunningMesh) -> None:
    label = str(uuid.uuid4())
    running = atelier.start("generate", PROMPT, "--steps", "200", "--count", "8", "--metadata", f"label={label}")
    assert running.stderr is not None
    assert running.stderr.readline() in ("queued\n", "running\n", "running · step 0 of 200\n")
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "atelier: interrupted; image " in errors
    with Client(mesh.url, mesh.api_key) as client:
        image = next(image for image in client.images.list() if image.parameters.metadata["label"] == label)
        list(image.watch())
        assert image.refresh().state == "CANCELED"


def test_everything_is_watched(atelier: Atelier) -> None:
    watching = atelier.start("watch", "--json")
    assert watching.stderr is not None
    assert watching.stdout is not None
    assert watching.stderr.readline() == "listening; Ctrl-C ends it\n"
    image_id = atelier("generate", PROMPT, "--no-wait", "--seed", str(new_seed())).strip()
    for line in watching.stdout:
        event = json.loads(line)
        if event["job_id"] == image_id and event["generation_progress"]["terminal"]:
            break
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=20)
    assert watching.returncode == 130


def test_keys_models_and_status(atelier: Atelier) -> None:
    made = json.loads(atelier("keys", "create", "command test", "--json"))
    assert made["key"]["id"] in atelier("keys")
    atelier("keys", "revoke", made["key"]["id"])
    default = json.loads(atelier("models", "--json"))[0]
    assert atelier("models", "load", default["id"]).startswith(default["id"])
    assert "worker " in atelier("status")


def test_a_file_is_uploaded(atelier: Atelier) -> None:
    Image.new("RGB", (64, 64), "red").save(atelier.folder / "red.png")
    asset = json.loads(atelier("upload", "red.png", "--json"))
    assert (asset["filename"], asset["content_type"]) == ("red.png", "image/png")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("generate", "x", "--steps", "150000"), 2, "steps"),
        (("generate", "x", "--model", "no-such-model"), 2, "model"),
        (("show", "no-such-image"), 5, ""),
        (("keys", "revoke", "no-such-key"), 5, ""),
    ],
)
def test_what_cannot_be_is_said_in_one_line(atelier: Atelier, words: tuple[str, ...], code: int, said: str) -> None:
    line = atelier(*words, code=code)
    assert line.startswith("atelier: ")
    assert line.count("\n") == 1
    assert said in line
