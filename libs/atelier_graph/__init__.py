"""The graph engine: ComfyUI's API-format graphs are parsed, validated, ordered, cached and executed in plain Python."""
