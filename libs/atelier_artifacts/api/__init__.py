"""The API of stored files: what servicers share."""
