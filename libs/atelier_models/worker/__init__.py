"""Models on workers: reports, heartbeats and commands."""
