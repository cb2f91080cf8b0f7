"""Measurements: each is a ratio of one run, what we made against the same work done directly."""
