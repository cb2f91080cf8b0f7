"""Videos over gRPC: requests read, records and models written, frames streamed."""
