"""Adapters for models: reports in SQL, commands and events on the bus."""
