"""A running mesh: every program, from its start to its end."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from atelier_mesh.address import Address
from atelier_mesh.ports import Ports
from atelier_mesh.preflight import check_names, check_programs
from atelier_mesh.programs import all_programs, migrate_program
from atelier_mesh.secrets import Secrets
from atelier_mesh.settings import MeshSettings
from atelier_mesh.state_folder import held
from atelier_mesh.supervisor import Supervisor


def address_file(settings: MeshSettings) -> Path:
    """Where a mesh says where it is, once it is ready."""
    return settings.state_dir / "dev.env"


@asynccontextmanager
async def running_mesh(settings: MeshSettings, tell: Callable[[str], None]) -> AsyncIterator[Address]:
    """Starts everything, is entered when it is ready, and stops it all at the end.

    `tell` gets what happens meanwhile, a sentence at a time. Raises ConfigurationError, AlreadyRunningError,
    PortInUseError, ProgramFailedError, TimeoutError (something did not become ready), OSError.
    """
    os.umask(0o077)  # what is kept holds prompts and keys: its owner alone reads it
    state = settings.state_dir
    ports = Ports.following(settings.port)
    async with AsyncExitStack() as stack:
        stack.enter_context(held(state))
        ports.ensure_free(settings.host, image_workers=settings.image_workers, video_workers=settings.video_workers)
        secrets = Secrets.load_or_make(state / "secrets.json")
        (state / "logs").mkdir(exist_ok=True)
        migrate, programs = migrate_program(settings), all_programs(settings, ports, secrets)
        everything = [migrate, *programs]
        for warning in [*check_names(everything, os.environ), *check_programs(everything)]:
            tell(f"Warning: {warning}")
        supervisor = Supervisor(state / "logs", state / "run", tell)
        stack.push_async_callback(supervisor.stop)
        await supervisor.complete(migrate, settings.ready_timeout_s)
        await supervisor.start(programs)
        tell(f"Starting {', '.join(p.name for p in programs)} ...")
        await supervisor.until_ready(programs, settings.ready_timeout_s)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        gateway = f"{host}:{ports.gateway}"
        address = Address(f"http://{gateway}", gateway, secrets.api_key)
        address.write(address_file(settings))
        yield address
