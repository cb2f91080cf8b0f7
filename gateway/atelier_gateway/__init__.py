"""Envoy's configuration, built from one settings object and the contracts."""
