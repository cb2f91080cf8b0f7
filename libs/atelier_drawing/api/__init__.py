"""The API of drawings: what servicers share."""
