"""Standard output that carries bytes, errors that are JSON, and pipes that close."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.unit.client.atelier_command import COMMAND, Atelier, environment, one_line
from tests.unit.client.scripted_http import Answer, ScriptedHttp
from tests.unit.client.small_mesh import SmallMesh, picture
from tests.unit.client.small_videos import file

from atelier.video.v1.video_pb2 import OutputRole

INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def bytes_of(atelier: Atelier, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """The command, its output as bytes."""
    return subprocess.run(
        [*COMMAND, "--grpc", *words],
        capture_output=True,
        cwd=atelier.folder,
        env=environment(atelier.environment),
        timeout=120,
    )


def test_a_picture_goes_to_standard_output_and_nothing_else_does(atelier: Atelier) -> None:
    done = bytes_of(atelier, "generate", "x", "-o", "-")
    assert (done.returncode, done.stdout) == (0, picture("image-0", 0))
    assert list(atelier.folder.iterdir()) == []


def test_a_clip_and_a_frame_do_too(atelier: Atelier) -> None:
    clip = bytes_of(atelier, "video", "x", "-o", "-", "--poster", "poster.png")
    assert clip.returncode == 0, clip.stderr
    assert clip.stdout == file("video-0", OutputRole.CLIP)
    assert [file.name for file in atelier.folder.iterdir()] == ["poster.png"]
    frame = bytes_of(atelier, "frames", "video-0", "--index", "0", "-o", "-")
    assert frame.returncode == 0, frame.stderr
    assert frame.stdout.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "x", "-o", "-", "--count", "2"),
        ("generate", "x", "-o", "-", "--json"),
        ("video", "x", "-o", "-", "--json"),
        ("video", "x", "--poster", "-"),
        ("frames", "video-0", "-o", "-"),
    ],
)
def test_standard_output_takes_one_thing(atelier: Atelier, small_mesh: SmallMesh, words: tuple[str, ...]) -> None:
    done = bytes_of(atelier, *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert small_mesh.images.images == {}


def test_a_reader_that_leaves_ends_the_command_without_a_word(atelier: Atelier, small_mesh: SmallMesh) -> None:
    for _ in range(3):
        atelier("generate", "x", "--no-wait")
    for words in ("images", "images --json", "generate x -o -", "show image-0"):
        running = subprocess.Popen(
            [*COMMAND, "--grpc", *words.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=atelier.folder,
            env=environment(atelier.environment),
        )
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read().decode()
        running.stderr.close()
        assert running.wait(60) == 141, (words, said)
        assert "atelier" not in said
        assert "Error" not in said


@pytest.mark.parametrize(
    ("words", "code", "reason", "exit_code"),
    [
        (("show", "image-9"), 5, "JOB_NOT_FOUND", 5),
        (("generate", "x", "--steps", "150000"), 3, "INVALID_FIELD", 2),
        (("generate", "x", "--stepps", "3"), 3, "USAGE", 2),
        (("paint",), 3, "USAGE", 2),
        (("upload", "missing.png"), 9, "LOCAL_FILE", 7),
        (("images", "--state", "done"), 3, "USAGE", 2),
    ],
)
def test_errors_are_json_when_json_was_requested(
    atelier: Atelier, words: tuple[str, ...], code: int, reason: str, exit_code: int
) -> None:
    done = atelier(*words, "--json")
    assert (done.returncode, done.stdout) == (exit_code, "")
    status = json.loads(one_line(done.stderr))
    assert set(status) == {"code", "message", "details"}
    assert status["code"] == code
    (info,) = (detail for detail in status["details"] if detail["@type"] == INFO)
    assert info["reason"] == reason
    assert status["message"]


def test_a_failed_job_is_json_alone_on_standard_error(atelier: Atelier, small_mesh: SmallMesh) -> None:
    small_mesh.images.fail = True
    done = atelier("generate", "x", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    status = json.loads(one_line(done.stderr))
    assert (status["code"], status["details"][0]["reason"]) == (10, "OUT_OF_MEMORY")


def test_the_error_of_the_mesh_is_printed_unchanged(http: ScriptedHttp, tmp_path: Path) -> None:
    body = {
        "code": 3,
        "message": "steps: at most 200",
        "details": [
            {"@type": INFO, "reason": "INVALID_FIELD", "domain": "atelier", "metadata": {"trace_id": "ab" * 16}},
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "field_violations": [{"field": "steps", "description": "at most 200"}],
            },
            {"@type": "type.googleapis.com/atelier.of.tomorrow", "anything": [1]},
        ],
    }
    http.answers = [Answer(400, body)]
    env = environment({"ATELIER_URL": http.url})
    done = subprocess.run(
        [*COMMAND, "status", "--json"], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=60
    )
    assert done.returncode == 2
    assert json.loads(one_line(done.stderr)) == body


def test_a_mesh_that_is_not_there_is_json_too(tmp_path: Path) -> None:
    env = environment({"ATELIER_URL": "http://127.0.0.1:1"})
    done = subprocess.run([*COMMAND, "images", "--json"], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 3
    status = json.loads(one_line(done.stderr))
    assert (status["code"], status["details"][0]["reason"]) == (14, "CANNOT_REACH")


def test_a_prompt_that_looks_like_the_option_is_a_prompt(atelier: Atelier) -> None:
    done = atelier("generate", "--steps", "150000", "--", "--json")
    assert done.returncode == 2
    assert one_line(done.stderr).startswith("atelier: ")
