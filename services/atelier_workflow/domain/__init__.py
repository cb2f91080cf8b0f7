"""Workflows, typed inputs, executions and the node catalogue: rules without wire, database or settings."""
