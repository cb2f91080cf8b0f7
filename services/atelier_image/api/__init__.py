"""The gRPC API of images: servicers and messages."""
