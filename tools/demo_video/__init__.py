"""The demo video model: its moving world, its training, its packaging and its measurement."""
