"""The durable job plane: SQL holds the truth, NATS carries it, every write of a worker is fenced."""
