"""Runs the whole mesh on one machine, and writes what its parts are configured with."""
