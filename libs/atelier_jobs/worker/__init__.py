"""The worker: claims jobs, runs their handler and records the outcome."""
