"""What the worker processes share."""
