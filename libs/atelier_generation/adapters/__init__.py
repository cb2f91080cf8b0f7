"""The database, the bus and the storage service."""
