"""Workflows, graphs of executions and node catalogues in SQL."""
