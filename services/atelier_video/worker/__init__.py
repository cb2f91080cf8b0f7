"""The worker: what it does with a job."""
