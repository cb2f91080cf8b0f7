"""Real parts for tests of the job plane: a NATS server that can be killed."""
