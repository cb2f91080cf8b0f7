"""The worker: takes a job, draws, puts the pictures into storage, and says how it is doing."""
