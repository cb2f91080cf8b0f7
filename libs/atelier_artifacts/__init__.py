"""Artifacts: files that jobs store, which job refers to which of them, and the content cache."""
