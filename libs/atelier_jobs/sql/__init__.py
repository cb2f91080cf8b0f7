"""The job store in SQL, on SQLite and PostgreSQL."""
