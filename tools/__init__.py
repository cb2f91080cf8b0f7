"""Tools that make what the repository ships."""
