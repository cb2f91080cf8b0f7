"""`comfy`: what packs import of it, written anew. Internals of models are placeholders."""

from atelier_nodes.packs.internals_finder import add_internals_finder

add_internals_finder()
