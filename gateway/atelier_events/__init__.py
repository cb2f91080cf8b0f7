"""The WebSocket door and the event stream: everything that happens to a caller, live and replayed."""
