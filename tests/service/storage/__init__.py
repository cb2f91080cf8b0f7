"""Storage over real gRPC, with a real S3 server and real tokens."""
