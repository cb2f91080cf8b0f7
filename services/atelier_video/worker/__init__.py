"""The generator of videos on the worker."""
