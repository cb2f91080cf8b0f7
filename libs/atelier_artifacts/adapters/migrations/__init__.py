"""Revisions of the content cache's table."""
