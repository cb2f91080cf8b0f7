"""The gRPC API of videos: servicers and messages."""
