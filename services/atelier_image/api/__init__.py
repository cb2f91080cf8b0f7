"""Images over gRPC: requests read, records and models written."""
