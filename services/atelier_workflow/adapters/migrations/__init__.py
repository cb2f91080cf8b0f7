"""Revisions of the tables of workflows."""
