"""Revisions of the tables of auth."""
