"""The API of jobs of any kind: submits, pages, waits, streams of events, and the directory of all kinds."""
