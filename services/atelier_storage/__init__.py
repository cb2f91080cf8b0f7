"""Assets: uploads and what jobs made, their bytes on S3 and their rows in SQL."""
