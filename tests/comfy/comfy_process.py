"""`atelier comfy` as a process of its own, with real node hosts."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiohttp import ClientError, ClientSession

from tests.support.wait import eventually
from tests.unit.client.atelier_command import COMMAND

START_S = 60.0
PACKS = Path(__file__).parent / "packs"


@dataclass
class ComfyProcess:
    """A server that runs.

    Attributes:
        url: Where it is.
        port: Its port.
        process: The process.
    """

    url: str
    port: int
    process: asyncio.subprocess.Process

    def children(self) -> list[psutil.Process]:
        """All processes below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    async def kill(self) -> None:
        """Kills it as the system does when memory is short."""
        self.process.kill()
        await self.process.wait()


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def extra_paths_file(folder: Path) -> Path:
    """A file of extra paths that names the packs of these tests, relative to itself."""
    file = folder / "extra.yaml"
    (folder / "links").mkdir(exist_ok=True)
    link = folder / "links" / "packs"
    if not link.exists():
        link.symlink_to(PACKS)
    file.write_text("tests:\n  base_path: links\n  custom_nodes: packs\n")
    return file


@asynccontextmanager
async def comfy_process(folder: Path, *flags: str, port: int = 0) -> AsyncIterator[ComfyProcess]:
    """Starts a server in `folder` and waits until it serves HTTP."""
    port = port or free_port()
    words = ["comfy", "--port", str(port), "--base-directory", str(folder), *flags]
    log = folder / "server.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(*COMMAND, *words, stdout=output, stderr=output)
    server = ComfyProcess(f"http://127.0.0.1:{port}", port, process)
    try:
        async with ClientSession() as session:

            async def served() -> bool:
                assert process.returncode is None, log.read_text()
                try:
                    async with session.get(f"{server.url}/prompt") as response:
                        return response.status == 200
                except ClientError:
                    return False

            await eventually(served, START_S, "the server serves HTTP")
        yield server
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()


async def run_command(*words: str) -> tuple[int, str]:
    """Runs `atelier comfy` to its end: exit code and standard error."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "comfy", *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), START_S)
    assert process.returncode is not None
    return process.returncode, errors.decode()


def loaded_by(module: str) -> set[str]:
    """Modules that are loaded when `module` is imported in a process of its own."""
    import subprocess

    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())
