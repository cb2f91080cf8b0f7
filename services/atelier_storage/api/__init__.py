"""Assets over gRPC: uploads taken in, content streamed."""
