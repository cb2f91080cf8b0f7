"""The workers' side of drawings."""
