"""An engine in a process of its own: client, messages and server. Loads no torch."""
