"""The program of hosts: a template, which ends when the pool that started it ends for any reason.

python -m atelier_nodes.host FD PARENT
"""

import os
import signal
import socket
import sys

from atelier_nodes.host.guardian import die_with_parent
from atelier_nodes.host.isolation import isolate
from atelier_nodes.host.wire import Wire, WireClosedError
from atelier_nodes.protocol.messages import OpenHost


def main() -> None:
    """Entry point."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the pool handles them, and ends its hosts
    die_with_parent()
    if os.getppid() != int(sys.argv[2]):
        return  # the pool has ended already
    fd = int(sys.argv[1])
    connection = socket.socket(fileno=fd)
    connection.set_inheritable(False)
    wire = Wire(connection)
    try:
        opening = wire.receive()
    except WireClosedError:
        return
    assert isinstance(opening, OpenHost)
    isolation = isolate(opening.isolation, fd)
    wire.adopt()
    from atelier_nodes.host.template import Template  # imports torch: only now there may be more than one thread

    Template(connection, wire, opening, isolation).run()


if __name__ == "__main__":
    main()
