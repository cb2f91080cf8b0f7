"""The content cache in SQL, and storage over gRPC."""
