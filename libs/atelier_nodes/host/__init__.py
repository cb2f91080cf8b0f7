"""The host process: it holds tensors and custom code, runs graphs, and has no credentials."""
