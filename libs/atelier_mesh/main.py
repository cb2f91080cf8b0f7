"""`atelier-mesh run`: the whole mesh on one machine, every part a real process. `atelier-mesh demo`: what it makes."""

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
    commands.add_parser("demo", help="make a picture and a clip, on the mesh that runs or on one for the purpose")
    name = parser.parse_args().command
    try:
        from atelier_mesh.launch import launch  # it takes a second, in which Ctrl-C is no reason for a traceback

        launch(name)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
