"""Revisions of the job plane's tables."""
