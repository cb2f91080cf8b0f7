"""What killed workers leave behind goes; what living ones work on stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from atelier_video.worker.scratch import scratch_folder

PROGRAM = """
import sys
from pathlib import Path
from atelier_video.worker.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "clip.mp4.partial").write_bytes(b"half of it")
    print(folder, flush=True)
    sys.stdin.read()
"""


def start(parent: Path) -> tuple["subprocess.Popen[str]", Path]:
    """Another process that holds a folder, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_killed_process_leaves_a_folder_that_the_next_one_removes(tmp_path: Path) -> None:
    process, left = start(tmp_path)
    with process:
        process.kill()
    assert list(left.iterdir()), "nobody could clean up"
    with scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_the_folder_of_a_living_process_stays(tmp_path: Path) -> None:
    process, others = start(tmp_path)
    with process, scratch_folder(tmp_path) as folder:
        assert folder != others
        assert (others / "clip.mp4.partial").read_bytes() == b"half of it"
        process.communicate()
        assert process.returncode == 0
        assert not others.exists(), "who ends well takes its folder along"
    assert list(tmp_path.iterdir()) == []


def test_the_folder_goes_also_when_things_end_badly(tmp_path: Path) -> None:
    def end_badly() -> None:
        with scratch_folder(tmp_path) as folder:
            (folder / "clip.mp4").write_bytes(b"whole")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        end_badly()
    assert list(tmp_path.iterdir()) == []


def test_the_parent_is_made_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    parent = tmp_path / "state" / "clips"
    with scratch_folder(parent):
        pass
    (parent / "somebody-elses").mkdir()
    (parent / "atelier-clips-of-a-file").write_bytes(b"")
    with scratch_folder(parent):
        pass
    assert {path.name for path in parent.iterdir()} == {"somebody-elses", "atelier-clips-of-a-file"}
