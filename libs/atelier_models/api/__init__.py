"""The API of models: what servicers share."""
