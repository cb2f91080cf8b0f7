"""The side of the worker: starts host processes, gives them graphs, and ends those that hang."""
