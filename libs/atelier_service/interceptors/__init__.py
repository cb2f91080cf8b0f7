"""Server interceptors, one per file; `server.py` defines their order."""
