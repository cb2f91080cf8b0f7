"""Adapters of the image service: storage."""
