"""Real parts for tests: databases, tokens, conditions with deadlines."""
