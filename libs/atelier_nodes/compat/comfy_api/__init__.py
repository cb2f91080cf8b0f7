"""`comfy_api`: the interface of V3 nodes, by version."""
