"""A running mesh: every program, from its start to its end."""

import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

from atelier_mesh.address import Address
from atelier_mesh.ports import Ports
from atelier_mesh.programs import all_programs
from atelier_mesh.secrets import Secrets
from atelier_mesh.settings import MeshSettings
from atelier_mesh.supervisor import Supervisor


class AlreadyRunningError(Exception):
    """Another launcher holds the state folder."""


def address_file(settings: MeshSettings) -> Path:
    """Where a mesh says where it is, once it is ready."""
    return settings.state_dir / "dev.env"


@asynccontextmanager
async def running_mesh(settings: MeshSettings, tell: Callable[[str], None]) -> AsyncIterator[Address]:
    """Starts everything, is entered when it is ready, and stops it all at the end.

    `tell` gets what happens meanwhile, a sentence at a time. Raises AlreadyRunningError, PortInUseError, TimeoutError
    (something did not become ready), OSError.
    """
    os.umask(0o077)  # what is kept holds prompts and keys: its owner alone reads it
    state = settings.state_dir
    state.mkdir(parents=True, exist_ok=True)
    ports = Ports.following(settings.port)
    async with AsyncExitStack() as stack:
        stack.enter_context(_lock(state))
        ports.ensure_free(settings.host)
        secrets = Secrets.load_or_make(state / "secrets.json")
        (state / "logs").mkdir(exist_ok=True)
        programs = all_programs(settings, ports, secrets)
        supervisor = Supervisor(state / "logs", state / "run", tell)
        stack.push_async_callback(supervisor.stop)
        await supervisor.start(programs)
        tell(f"Starting {', '.join(p.name for p in programs)} ...")
        await supervisor.until_ready(programs, settings.ready_timeout_s)
        gateway = f"{settings.host}:{ports.gateway}"
        address = Address(f"http://{gateway}", gateway, secrets.api_key)
        address.write(address_file(settings))
        yield address


def _lock(state_dir: Path) -> IO[str]:
    """Holds the state folder for this process; the kernel lets go of it when the process dies."""
    file = (state_dir / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        text = (
            f"another mesh runs on {state_dir}; ATELIER_STATE_DIR=<another> and ATELIER_PORT=<another> start a second"
        )
        raise AlreadyRunningError(text) from None
    return file
