"""Model files: downloads from hubs, folders in diffusers layout, revisions. Loads no torch."""
