"""The pool: starts host processes, runs graphs in them, and ends hosts that hang."""
