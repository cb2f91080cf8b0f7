"""Domain of atelier-storage: assets, their limits and their owners; knows no wire, no database and no S3."""
