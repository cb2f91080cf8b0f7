"""Pictures as files, with their parameters inside."""
