"""`python -m atelier_nodes.command`: what `atelier nodes` starts."""

import sys

from atelier_nodes.command.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
