"""Folders of executions: made for an attempt, removed after it, and those of killed workers go with the next start."""

import asyncio
import sys
from pathlib import Path

from atelier_workflow.worker.execution_folders import open_folders

KILLED = """
import asyncio, os, sys
from pathlib import Path
from atelier_workflow.worker.execution_folders import open_folders

async def main():
    async with open_folders(Path(sys.argv[1]), "killed") as folders, folders.open("job-1") as opened:
        (opened.output / "left.png").write_bytes(b"x")
        os._exit(9)

asyncio.run(main())
"""


async def test_an_attempt_leaves_nothing(tmp_path: Path) -> None:
    async with open_folders(tmp_path, "one") as folders:
        async with folders.open("job-1") as opened:
            (opened.output / "picture.png").write_bytes(b"x")
            assert opened.output.is_relative_to(folders.root)
        assert not (folders.root / "job-1").exists()
    assert not (tmp_path / "one").exists()


async def test_what_a_killed_worker_left_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(tmp_path))
    assert await killed.wait() == 9
    assert (tmp_path / "killed" / "job-1" / "output" / "left.png").exists()

    async with open_folders(tmp_path, "one") as living, living.open("job-2") as opened:
        assert not (tmp_path / "killed").exists()
        async with open_folders(tmp_path, "two"):
            assert opened.output.is_dir()
