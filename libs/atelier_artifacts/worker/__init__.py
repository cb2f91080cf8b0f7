"""Stored files on workers: uploads and downloads of a job's files."""
