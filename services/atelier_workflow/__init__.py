"""atelier-workflow: stored graphs and their executions, as jobs of the durable plane."""
