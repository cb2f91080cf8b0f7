"""Test support: real servers as fixtures, signed tokens, conditions with deadlines."""
