"""A real broker for the few units that speak to one."""

from tests.support.nats import nats_server

__all__ = ["nats_server"]
