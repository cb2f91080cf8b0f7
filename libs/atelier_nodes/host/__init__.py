"""The host process: runs graphs, with tensors and the code of packs, and without credentials."""
