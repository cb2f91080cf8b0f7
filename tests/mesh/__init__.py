"""The real thing: every process, through Envoy."""
