"""What an asset is, what may become one, and who may have it; no wire, no database, no S3."""
