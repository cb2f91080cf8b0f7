"""The gateway: the real Envoy over small real servers that stand where the services stand."""
