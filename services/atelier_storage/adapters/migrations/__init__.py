"""Revisions of the tables of storage."""
