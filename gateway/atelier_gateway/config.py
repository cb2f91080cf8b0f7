"""The shapes that every part of Envoy's configuration is made of."""

from typing import Any

Config = dict[str, Any]
"""A piece of Envoy's configuration, as JSON."""


def typed(kind: str, **fields: Any) -> Config:
    """A typed config: `kind` is the message's full name without the leading `envoy.`."""
    return {"@type": f"type.googleapis.com/envoy.{kind}", **fields}


def seconds(value: float) -> str:
    """A duration as JSON writes it."""
    return f"{value:g}s"


def socket_address(host: str, port: int) -> Config:
    """Where to bind or to connect."""
    return {"socket_address": {"address": host, "port_value": port}}


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`, with or without a scheme. Raises ValueError when there is no port."""
    host, _, port = address.removeprefix("http://").removeprefix("https://").rstrip("/").rpartition(":")
    return host.strip("[]"), int(port)
