"""Drawing on workers: the job handler, and its use of the engine."""
