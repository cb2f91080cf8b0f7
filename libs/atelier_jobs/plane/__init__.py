"""The job plane in an API process: the service for workers, the relay of the outbox, the reconciler."""
