"""The demo image model: its drawn world, its training, its packaging and its measurement."""
