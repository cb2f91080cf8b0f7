"""A file of prompts: a picture for each."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from tests.support.wait import eventually
from tests.unit.client.atelier_command import COMMAND, Atelier, environment, one_line
from tests.unit.client.small_mesh import SmallMesh, picture

from atelier.jobs.v1 import job_pb2
from atelier_client.prompts import read_prompts


def piped(atelier: Atelier, text: bytes, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """The command with `text` on its standard input."""
    return subprocess.run(
        [*COMMAND, "--grpc", *words],
        input=text,
        capture_output=True,
        cwd=atelier.folder,
        env=environment(atelier.environment),
        timeout=120,
    )


def test_each_line_becomes_a_picture_named_by_its_number(atelier: Atelier, small_mesh: SmallMesh) -> None:
    (atelier.folder / "prompts.txt").write_text("\ufeffa red circle\r\n\n  ein grüner Würfel \nlast")
    done = atelier("generate", "--prompts", "prompts.txt", "-o", "out.png", "--seed", "7")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["out-0001.png", "out-0003.png", "out-0004.png"]
    ids = {image.parameters.prompt: image.id for image in small_mesh.images.images.values()}
    assert ids.keys() == {"a red circle", "ein grüner Würfel", "last"}
    assert {image.parameters.seed for image in small_mesh.images.images.values()} == {7}
    assert (atelier.folder / "out-0003.png").read_bytes() == picture(ids["ein grüner Würfel"], 0)


def test_a_pipe_a_folder_and_json_lines(atelier: Atelier) -> None:
    (atelier.folder / "made").mkdir()
    done = piped(atelier, b"one\ntwo\n", "generate", "--prompts", "-", "-o", "made", "--count", "2", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    files = [json.loads(line)["files"] for line in done.stdout.splitlines()]
    assert files == [["made/0001-0.png", "made/0001-1.png"], ["made/0002-0.png", "made/0002-1.png"]]


def test_without_a_name_the_ids_are_the_names(atelier: Atelier) -> None:
    said = piped(atelier, b"one\ntwo\n", "generate", "--prompts", "-").stdout.decode().split()
    assert sorted(said) == ["image-0.png", "image-1.png"]


def test_without_waiting_the_ids_are_printed(atelier: Atelier, small_mesh: SmallMesh) -> None:
    said = piped(atelier, b"one\ntwo\n", "generate", "--prompts", "-", "--no-wait").stdout.decode().split()
    assert sorted(said) == ["image-0", "image-1"]
    assert {image.state for image in small_mesh.images.images.values()} == {job_pb2.QUEUED}


def test_a_line_that_is_refused_is_named_and_the_others_are_made(atelier: Atelier, small_mesh: SmallMesh) -> None:
    small_mesh.images.fail_prompts = {"bad"}
    done = piped(atelier, b"good\nbad\nbetter\n", "generate", "--prompts", "-", "-o", "out.png")
    assert done.returncode == 1
    assert done.stdout == b"out-0001.png\nout-0003.png\n"
    first, last = done.stderr.decode().splitlines()
    assert first.startswith("atelier: line 2: the model does not fit (OUT_OF_MEMORY)")
    assert last == "atelier: 1 of 3 prompts failed (PROMPTS_FAILED)"


def test_what_concerns_all_ends_it_at_once(atelier: Atelier) -> None:
    atelier.environment["ATELIER_API_KEY"] = "wrong"
    done = piped(atelier, b"one\ntwo\nthree\n", "generate", "--prompts", "-")
    assert done.returncode == 4
    assert "the API key is not valid" in one_line(done.stderr.decode())


@pytest.mark.parametrize(
    ("text", "said"),
    [(b"", "no prompt"), (b"\n \n", "no prompt"), (b"\xff\xfe", "UTF-8"), (b"x" * 300_000, "longer than any prompt")],
)
def test_what_is_no_file_of_prompts_is_said(atelier: Atelier, text: bytes, said: str) -> None:
    done = piped(atelier, text, "generate", "--prompts", "-")
    assert done.returncode == 2
    assert said in one_line(done.stderr.decode())


@pytest.mark.parametrize("words", [("a prompt", "--prompts", "-"), ("--prompts", "-", "-o", "-")])
def test_ways_that_exclude_each_other(atelier: Atelier, words: tuple[str, ...]) -> None:
    done = piped(atelier, b"one\n", "generate", *words)
    assert done.returncode == 2
    one_line(done.stderr.decode())


def test_a_file_that_is_not_there(atelier: Atelier) -> None:
    done = atelier("generate", "--prompts", "nowhere.txt")
    assert done.returncode == 7
    assert "nowhere.txt: No such file" in one_line(done.stderr)


async def test_submits_are_bounded_and_ctrl_c_cancels_what_runs(atelier: Atelier, small_mesh: SmallMesh) -> None:
    small_mesh.images.hold = True
    (atelier.folder / "many.txt").write_text("\n".join(f"prompt {k}" for k in range(100)))
    running = atelier.start("generate", "--prompts", "many.txt")
    images = small_mesh.images.images
    await eventually(lambda: len(images) == 10, what="ten are under way")
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert len(images) == 10
    assert {image.state for image in images.values()} == {job_pb2.CANCELED}


def test_lines_come_when_they_are_written_and_an_interrupt_does_not_wait_for_the_next(
    atelier: Atelier,
) -> None:
    running = subprocess.Popen(
        [*COMMAND, "--grpc", "generate", "--prompts", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        cwd=atelier.folder, env=environment(atelier.environment),
    )  # fmt: skip
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write("one\n")
    assert running.stdout.readline() == "image-0.png\n"
    running.stdin.write("two\n")
    assert running.stdout.readline() == "image-1.png\n"
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    running.stdin.close()
    assert running.stderr is not None
    assert "Traceback" not in running.stderr.read()
    running.stdout.close()
    running.stderr.close()


async def test_lines_are_split_wherever_the_bytes_are(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    lines = [f"prompt {k} {'é' * (1 + k % 97)}" for k in range(5_000)]
    file.write_text("\n".join(lines))
    assert [line async for line in read_prompts(file)] == list(enumerate(lines, 1))
