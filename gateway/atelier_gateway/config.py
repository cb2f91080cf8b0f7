"""Building blocks of Envoy's configuration: typed configs, durations, addresses."""

from typing import Any

Config = dict[str, Any]
"""A piece of Envoy's configuration, as JSON."""


def typed(kind: str, **fields: Any) -> Config:
    """Returns a typed config.

    Args:
        kind: Full name of the message without the leading `envoy.`.
        fields: Its fields.
    """
    return {"@type": f"type.googleapis.com/envoy.{kind}", **fields}


def seconds(value: float) -> str:
    """Returns a duration in protobuf's JSON form."""
    return f"{value:g}s"


def socket_address(host: str, port: int) -> Config:
    """Returns the address at which to bind or to connect."""
    return {"socket_address": {"address": host, "port_value": port}}


def split_address(address: str) -> tuple[str, int]:
    """Splits `host:port`, with or without a scheme. Raises ValueError when there is no port."""
    host, _, port = address.removeprefix("http://").removeprefix("https://").rstrip("/").rpartition(":")
    return host.strip("[]"), int(port)
