"""A running mesh: every program, from start to stop."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from atelier_mesh.ports import Ports
from atelier_mesh.preflight import check_names, check_programs
from atelier_mesh.programs import all_programs, migrate_program
from atelier_mesh.settings import MeshSettings
from atelier_mesh.state_folder import Address, Secrets, locked
from atelier_mesh.supervisor import Supervisor


def address_file(settings: MeshSettings) -> Path:
    """The file to which a mesh writes its address when it is ready."""
    return settings.state_dir / "dev.env"


@asynccontextmanager
async def running_mesh(settings: MeshSettings, report: Callable[[str], None]) -> AsyncIterator[Address]:
    """Starts the mesh, yields its address when everything is ready, and stops it at the end.

    Args:
        settings: Of the launcher.
        report: Called with one sentence for the user about each event.

    Raises:
        ConfigurationError: A setting is wrong, or the state folder cannot be used.
        AlreadyRunningError: Another launcher has locked the state folder.
        PortInUseError: A port is taken.
        ProgramFailedError: A program cannot run.
        TimeoutError: A program was not ready in time.
        OSError: A program cannot be executed, or a file written.
    """
    os.umask(0o077)  # the state contains prompts and keys: only its owner may read it
    state = settings.state_dir
    ports = Ports.following(settings.port)
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(state))
        ports.ensure_free(settings.host, image_workers=settings.image_workers, video_workers=settings.video_workers)
        secrets = Secrets.load_or_create(state / "secrets.json")
        (state / "logs").mkdir(exist_ok=True)
        migrate, programs = migrate_program(settings), all_programs(settings, ports, secrets)
        everything = [migrate, *programs]
        for warning in [*check_names(everything, os.environ), *check_programs(everything)]:
            report(f"Warning: {warning}")
        supervisor = Supervisor(state / "logs", state / "run", report)
        stack.push_async_callback(supervisor.stop)
        await supervisor.complete(migrate, settings.ready_timeout_s)
        await supervisor.start(programs)
        report(f"Starting {', '.join(p.name for p in programs)} ...")
        await supervisor.until_ready(programs, settings.ready_timeout_s)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        gateway = f"{host}:{ports.gateway}"
        address = Address(f"http://{gateway}", gateway, secrets.api_key)
        address.write(address_file(settings))
        yield address
