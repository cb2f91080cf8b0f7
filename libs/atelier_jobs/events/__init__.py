"""Events of a job: made, shared by all who watch, and streamed."""
