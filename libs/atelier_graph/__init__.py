"""The graph engine: graphs in ComfyUI's API format are parsed, validated, cached and executed in plain Python.

To read it: `prompt` and `node_class` (what there is), `validation`, then `execution`, `run` and `schedule` (what
happens), `cache_keys` and `caches`. The rules are in docs/graphs.md.
"""
