"""`comfy_execution`: the graph engine, under the names that packs use."""
