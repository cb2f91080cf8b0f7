"""Server interceptors, one a file; `server.py` says in which order they stand and why."""
