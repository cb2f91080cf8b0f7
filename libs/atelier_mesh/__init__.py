"""The launcher: starts and supervises the whole mesh on one machine."""
