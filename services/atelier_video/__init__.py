"""Clips: the API process, and the worker, which brings no torch: another process draws for it."""
