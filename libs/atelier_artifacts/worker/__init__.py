"""The workers' side of stored files."""
