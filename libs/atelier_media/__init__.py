"""Frames and clips: writing, reading, sampling. It imports nothing of jobs, of the wire or of models."""
