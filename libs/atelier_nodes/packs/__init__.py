"""Packs of custom nodes: found in folders, loaded, and reported."""
