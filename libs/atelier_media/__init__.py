"""Frames and clips: writing, reading, sampling. It knows no job, no wire and no model."""
