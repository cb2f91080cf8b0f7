"""Revisions of the tables of workers and of their models' states."""
