"""The `atelier` command as a person meets it: what it prints, and what it exits with."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from tests.support.wait import eventually
from tests.unit.client.atelier_command import COMMAND, Atelier, environment, one_line
from tests.unit.client.scripted_http import Answer, ScriptedHttp
from tests.unit.client.small_mesh import SmallMesh, picture

from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2


def test_generate_writes_the_picture_and_prints_its_path(atelier: Atelier, small_mesh: SmallMesh) -> None:
    done = atelier(
        "generate", "a red circle", "-o", "out.webp", "--steps", "20", "--width", "64", "--height", "72", "--seed", "1",
        "--guidance", "3.5", "--scheduler", "euler-ancestral", "--negative", "blur", "--metadata", "a=b=c",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "out.webp\n")
    assert (atelier.folder / "out.webp").read_bytes() == picture("image-0", 0)
    assert done.stderr.splitlines()[0] == "queued"
    assert "denoising · step 2 of 2" in done.stderr
    asked = small_mesh.images.images["image-0"].parameters
    assert (asked.width_px, asked.height_px, asked.steps, asked.seed, asked.guidance_scale) == (64, 72, 20, 1, 3.5)
    assert (asked.scheduler, asked.output_format, asked.negative_prompt) == (3, 2, "blur")
    assert dict(asked.metadata) == {"a": "b=c"}


def test_several_pictures_become_numbered_files(atelier: Atelier) -> None:
    done = atelier("generate", "x", "--count", "2", "-o", "out.png", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["files"] == ["out-0.png", "out-1.png"]
    assert (atelier.folder / "out-1.png").read_bytes() == picture("image-0", 1)


def test_without_a_file_name_the_id_is_the_name(atelier: Atelier) -> None:
    assert atelier("generate", "x").stdout == "image-0.png\n"
    assert (atelier.folder / "image-0.png").exists()


def test_without_waiting_only_the_id_is_printed(atelier: Atelier, small_mesh: SmallMesh) -> None:
    done = atelier("generate", "x", "--no-wait")
    assert (done.returncode, done.stdout, done.stderr) == (0, "image-0\n", "")
    assert small_mesh.images.images["image-0"].state == job_pb2.QUEUED


def test_a_failed_job_prints_its_reason_and_exits_1(atelier: Atelier, small_mesh: SmallMesh) -> None:
    small_mesh.images.fail = True
    done = atelier("generate", "x", "-o", "out.png")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("atelier: the model does not fit (OUT_OF_MEMORY)")
    assert not (atelier.folder / "out.png").exists()


async def test_ctrl_c_cancels_the_job_reports_it_and_exits_130(atelier: Atelier, small_mesh: SmallMesh) -> None:
    small_mesh.images.hold = True
    running = atelier.start("generate", "x")
    await eventually(lambda: small_mesh.images.watched_after, what="the command follows the image")
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 130, errors
    assert errors.splitlines()[-1] == "atelier: interrupted; image image-0 is CANCELED"
    assert small_mesh.images.images["image-0"].state == job_pb2.CANCELED


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("generate", "x", "--stepps", "3"), 2, "No such option: --stepps"),
        (("generate", "x", "--steps", "many"), 2, "'--steps'"),
        (("generate", "x", "--steps", "150000"), 2, "steps: at most 200"),
        (("generate", "x", "--steps", "-1"), 2, "steps: -1 is out of range"),
        (("generate", "x", "--scheduler", "plms"), 2, "none of DDIM"),
        (("generate", "x", "-o", "out.gif"), 2, "says no known format"),
        (("generate", "x", "--metadata", "ab"), 2, "k=v"),
        (("generate",), 2, "Missing argument"),
        (("paint",), 2, "No such command"),
        (("generate", "x", "-o", "nowhere/out.png"), 7, "nowhere: no such folder"),
        (("generate", "x", "-o", "."), 7, "is a folder"),
        (("upload", "missing.png"), 7, "missing.png: No such file"),
        (("show", "image-9"), 5, "There is no such job."),
        (("keys", "revoke", "k"), 5, "there is no such key"),
        (("images", "--state", "done"), 2, "none of QUEUED"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(atelier: Atelier, words: tuple[str, ...], code: int, said: str) -> None:
    done = atelier(*words)
    assert (done.returncode, done.stdout) == (code, "")
    line = one_line(done.stderr)
    assert line.startswith("atelier: ")
    assert said in line


def test_a_wrong_key_exits_4(atelier: Atelier) -> None:
    atelier.environment["ATELIER_API_KEY"] = "wrong"
    done = atelier("generate", "x")
    assert done.returncode == 4
    assert "the API key is not valid" in one_line(done.stderr)
    assert one_line(done.stderr).endswith("; set ATELIER_API_KEY to a valid key")


def test_help_names_every_scheduler(atelier: Atelier) -> None:
    shown = atelier("generate", "--help").stdout
    schedulers = [value.name for value in type_pb2.Scheduler.DESCRIPTOR.values if value.number]
    assert [name for name in schedulers if name.lower().replace("_", "-") not in shown] == []


@pytest.mark.parametrize("over", [[], ["--grpc"]])
def test_a_mesh_that_does_not_run_exits_3(tmp_path: Path, over: list[str]) -> None:
    nowhere = environment({"ATELIER_URL": "http://127.0.0.1:1", "ATELIER_GRPC": "127.0.0.1:1"})
    done = subprocess.run([*COMMAND, "status", *over], capture_output=True, text=True, cwd=tmp_path, env=nowhere)
    assert done.returncode == 3
    assert "is the mesh running?" in one_line(done.stderr)


def test_images_are_listed_shown_cancelled_and_deleted(atelier: Atelier, small_mesh: SmallMesh) -> None:
    atelier("generate", "a \x1b[31mred\tcircle", "--no-wait")
    listed = atelier("images").stdout.splitlines()
    assert [line.split("\t")[:2] for line in listed] == [["image-0", "QUEUED"]]
    assert "\x1b" not in listed[0]
    assert json.loads(atelier("images", "--json").stdout)[0]["id"] == "image-0"
    assert "QUEUED" in atelier("show", "image-0").stdout
    assert atelier("cancel", "image-0").stdout == "image-0 CANCELED\n"
    assert atelier("delete", "image-0").returncode == 0
    assert small_mesh.images.images == {}


def test_one_image_is_watched_to_its_end(atelier: Atelier) -> None:
    atelier("generate", "x", "--no-wait")
    done = atelier("watch", "image-0", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert events[0]["type"] == "generation.snapshot"
    assert events[-1]["generation_progress"]["state"] == "SUCCEEDED"


async def test_everything_is_watched_until_ctrl_c(atelier: Atelier, small_mesh: SmallMesh) -> None:
    running = atelier.start("watch")
    await eventually(lambda: small_mesh.events.after == ["", "2"], what="the stream was resumed")
    running.send_signal(signal.SIGINT)
    told, errors = running.communicate(timeout=20)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    assert "model.status" in told


def test_keys_models_uploads_and_status(atelier: Atelier) -> None:
    assert atelier("keys", "create", "laptop").stdout == "atl_key0_secret\n"
    assert atelier("keys").stdout.split("\t")[:2] == ["key0", "laptop"]
    assert atelier("keys", "revoke", "key0").stdout == "key0 revoked\n"
    assert atelier("models").stdout == (
        "demo\timage\tUNLOADED\t0 B\tDemo (default)\ndemo-clips\tvideo\tUNLOADED\t0 B\tDemo of clips (default)\n"
    )
    assert atelier("models", "load", "demo").stdout == "demo LOADING\n"
    assert atelier("models", "unload", "demo").stdout == "demo UNLOADED\n"
    assert atelier("models", "load", "demo-clips").stdout == "demo-clips LOADING\n"
    assert atelier("models", "unload", "demo-clips").stdout == "demo-clips UNLOADED\n"
    (atelier.folder / "a.png").write_bytes(b"123")
    assert atelier("upload", "a.png").stdout == "asset-0\n"
    assert "worker w: image on cpu" in atelier("status").stdout


def test_the_file_that_make_run_writes_is_read(http: ScriptedHttp, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/dev.env").write_text(f"# comment\nATELIER_URL={http.url}\nexport ATELIER_API_KEY='k'\n")
    http.answers = [Answer(200, {"version": "9.9"})]
    done = subprocess.run(
        [*COMMAND, "status"], capture_output=True, text=True, cwd=tmp_path, env=environment({}), timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "9.9" in done.stdout
    assert http.asked[0].headers["x-api-key"] == "k"


def test_help_and_version_need_no_mesh(atelier: Atelier) -> None:
    assert "Exit codes" in atelier("--help").stdout
    assert "--guidance" in atelier("generate", "--help").stdout
    assert atelier("--version").stdout.startswith("atelier ")
