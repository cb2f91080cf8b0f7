"""Messages between a host and the side of the worker."""
