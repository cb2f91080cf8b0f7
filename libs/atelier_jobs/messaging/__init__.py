"""The NATS connection, its streams and the names of subjects."""
