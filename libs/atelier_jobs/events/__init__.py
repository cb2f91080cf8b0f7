"""Events of jobs: made from domain events, followed, and streamed to watchers."""
