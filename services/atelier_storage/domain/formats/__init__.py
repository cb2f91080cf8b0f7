"""One module a file format: its size in pixels and its structure, read without decoding a pixel."""
