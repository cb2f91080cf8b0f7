"""What the launcher says and leaves behind."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from atelier_mesh.ports import Ports
from atelier_mesh.supervisor import die_with_parent
from tests.mesh.running_mesh import RunningMesh, free_base_port, start_mesh


def _launch(command: str, state_dir: Path, port: int) -> subprocess.CompletedProcess[str]:
    """A launcher that ends by itself."""
    environment = {**os.environ, "ATELIER_STATE_DIR": str(state_dir), "ATELIER_PORT": str(port)}
    script = Path(sys.executable).parent / "atelier-mesh"
    return subprocess.run(
        [str(script), command], env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def _children(launcher: int) -> list[psutil.Process]:
    """Every process below it."""
    try:
        return psutil.Process(launcher).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _refused(state_dir: Path, port: int, command: str = "run") -> str:
    """What a launcher says that cannot do what it was asked."""
    done = _launch(command, state_dir, port)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_in_use_is_named_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    base = free_base_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 3))
        taken.listen()
        said = _refused(tmp_path, base)
    assert str(base + 3) in said
    assert "ATELIER_PORT" in said


def test_a_second_mesh_on_the_same_folder_is_refused(mesh: RunningMesh) -> None:
    assert "ATELIER_STATE_DIR" in _refused(mesh.state_dir, free_base_port())


def _is_complete(demo: Path) -> bool:
    begins = {"picture.png": b"\x89PNG", "clip-sheet.jpg": b"\xff\xd8"}
    return (demo / "clip.mp4").read_bytes()[4:8] == b"ftyp" and all(
        (demo / name).read_bytes().startswith(magic) for name, magic in begins.items()
    )


def test_a_demo_is_made_on_the_mesh_that_runs(mesh: RunningMesh) -> None:
    done = _launch("demo", mesh.state_dir, free_base_port())

    assert done.returncode == 0, done.stderr
    assert mesh.url in done.stdout
    assert str(mesh.state_dir / "demo/clip.mp4") in done.stdout
    assert _is_complete(mesh.state_dir / "demo")
    assert mesh.launcher.poll() is None


def test_a_demo_without_a_mesh_starts_one_and_stops_it(tmp_path: Path) -> None:
    base = free_base_port()

    done = _launch("demo", tmp_path, base)

    assert done.returncode == 0, done.stdout + done.stderr
    assert _is_complete(tmp_path / "demo")
    assert list((tmp_path / "run").iterdir()) == []
    Ports.following(base).ensure_free("127.0.0.1")


def test_a_demo_on_a_mesh_that_has_not_said_where_it_is_names_the_file(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert str(tmp_path / "dev.env") in _refused(tmp_path, free_base_port(), "demo")


def test_ctrl_c_leaves_no_process_and_what_was_made_is_there_after_a_restart(tmp_path: Path) -> None:
    # Every program gets the folder's name in another way: in a URL, as an option, in JSON, as a Unix socket's path.
    tmp_path = tmp_path / "ü 'one' \"two\", a?b#c %41" / ("long" * 30)
    first = start_mesh(tmp_path, ATELIER_FIRST_PICTURE="true")
    children = _children(first.launcher.pid)
    listening = {c.laddr for p in children for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert {address.ip for address in listening} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    first.launcher.send_signal(signal.SIGINT)
    first.launcher.wait(40)
    first.stop()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    assert first.launcher.returncode == 0
    assert (tmp_path / "first-picture.png").read_bytes().startswith(b"\x89PNG")
    assert "Its trace id" in first.output

    second = start_mesh(tmp_path, port=first.ports.gateway)
    try:
        assert second.api_key == first.api_key
        with second.client() as client:
            (image,) = client.get("/api/v1/images").json()["images"]
            picture = client.get(image["outputs"][0]["content_url"]).content
        assert picture == (tmp_path / "first-picture.png").read_bytes()
    finally:
        second.stop()


def test_ctrl_c_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    settings = {"ATELIER_STATE_DIR": str(tmp_path), "ATELIER_PORT": str(free_base_port())}
    launcher = subprocess.Popen(
        [str(Path(sys.executable).parent / "atelier-mesh"), "run"],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )
    assert launcher.stdout is not None
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 120
    # The engine process loads torch for seconds and hears nothing meanwhile.
    while not any("atelier_diffusion.remote.engine_server" in _command(child) for child in children):
        assert time.monotonic() < deadline
        assert launcher.poll() is None
        children = _children(launcher.pid)
    launcher.send_signal(signal.SIGINT)
    said, _ = launcher.communicate(timeout=60)
    assert launcher.returncode == 0, said
    assert "Atelier is up" not in said
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_the_state_is_readable_by_its_owner_alone(mesh: RunningMesh) -> None:
    for name in ("secrets.json", "dev.env", "auth.db", "image.db", "video.db", "storage.db"):
        assert (mesh.state_dir / name).stat().st_mode & 0o077 == 0, name
