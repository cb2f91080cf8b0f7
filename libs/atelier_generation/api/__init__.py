"""What the API processes share."""
