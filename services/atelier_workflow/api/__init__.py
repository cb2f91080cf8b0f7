"""The servicers of workflows, executions and workers."""
