"""atelier-events: all events of a caller, live and replayed, over WebSocket and gRPC."""
