"""A real broker for the few units that speak to one."""

from atelier_jobs.testing.nats import nats_server

__all__ = ["nats_server"]
