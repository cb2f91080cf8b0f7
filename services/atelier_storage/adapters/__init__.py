"""The outer world: SQL, S3 and the spool folder."""
