"""Tokens and API keys over gRPC, and Envoy's external authorization."""
