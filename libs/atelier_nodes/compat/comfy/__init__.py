"""`comfy`: what packs import of it, written anew. What touches a model's inside is a placeholder."""

from atelier_nodes.packs.internals_finder import add_internals_finder

add_internals_finder()
