"""The command `atelier-mesh`: `run` starts the whole mesh on one machine, `demo` makes a picture and a clip."""

import argparse
import sys
from importlib import metadata

_INTERRUPTED = 130


def main() -> None:
    """Entry point of `atelier-mesh`."""
    parser = argparse.ArgumentParser(prog="atelier-mesh", description="The whole mesh on one machine.")
    parser.add_argument("--version", action="version", version=f"atelier-mesh {metadata.version('atelier-mesh')}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start everything; Ctrl-C stops it")
    commands.add_parser("demo", help="make a picture and a clip, on the running mesh or on one started for them")
    name = parser.parse_args().command
    try:
        from atelier_mesh.launch import launch  # takes a second, in which Ctrl-C must not print a traceback

        launch(name)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
