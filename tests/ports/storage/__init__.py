"""One suite for each port of storage, against every adapter."""
