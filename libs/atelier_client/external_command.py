"""External commands: subcommands of `atelier` that other packages implement, each started as a program of its own.

The client can be installed without them and imports none of them: `atelier comfy …` replaces its process by
`python -m atelier_comfy …`, so that signals and exit codes are those of that program.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import typer

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Context settings of a command whose arguments the external program parses, including `--help`."""


@dataclass(frozen=True)
class ExternalCommand:
    """A command that is a module of another package.

    Attributes:
        name: Word after `atelier`.
        module: Package or module that `python -m` runs.
        extra: Extra of the distribution `atelier-mesh` that installs what the module imports.
        needs: Modules that the extra installs; when one is missing, the extra is not installed.
        summary: One sentence for `atelier --help`.
    """

    name: str
    module: str
    extra: str
    needs: tuple[str, ...]
    summary: str

    def missing(self) -> str | None:
        """Returns the name of a module that is not installed, or None when the command can be started."""
        for module in (self.module.partition(".")[0], *self.needs):
            if importlib.util.find_spec(module) is None:
                return module
        return None

    def start(self, arguments: Sequence[str]) -> NoReturn:
        """Replaces this process by the command's.

        Raises:
            ValueError: The command is not installed; the message names the extra.
        """
        missing = self.missing()
        if missing is not None:
            raise ValueError(
                f"atelier {self.name} needs {missing}, which is not installed: pip install 'atelier-mesh[{self.extra}]'"
            )
        sys.stdout.flush()
        # -P: a file of the working directory that is named like a module is not imported in its place.
        os.execv(sys.executable, [sys.executable, "-P", "-m", self.module, *arguments])  # noqa: S606 (our own module)

    def as_function(self) -> Callable[[typer.Context], None]:
        """Returns the function that typer registers, with `PASSED_ON` as its settings."""

        def command(ctx: typer.Context) -> None:
            self.start(ctx.args)

        command.__doc__ = self.summary
        return command


EXTERNAL_COMMANDS = (
    ExternalCommand(
        "comfy",
        "atelier_comfy",
        "comfy",
        ("aiohttp", "sqlalchemy"),
        "Starts a server for ComfyUI's clients, packs and front end on this machine.",
    ),
    ExternalCommand(
        "nodes",
        "atelier_nodes.command",
        "nodes",
        ("aiohttp", "torch", "yaml"),
        "Lists packs of nodes, and why some did not load; installs their requirements.",
    ),
)
