"""The servicers' side of stored files."""
