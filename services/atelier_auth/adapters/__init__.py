"""The rim: SQL, Ed25519 and Prometheus."""
