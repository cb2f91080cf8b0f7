"""What the `atelier` command can do, one noun a file."""
