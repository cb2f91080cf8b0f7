"""Nodes: those that ship, packs of custom nodes, and the host processes in which graphs run."""
