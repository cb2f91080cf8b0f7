"""Upgrades the databases of all services."""
