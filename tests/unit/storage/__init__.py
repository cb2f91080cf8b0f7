"""The pure part of storage."""
