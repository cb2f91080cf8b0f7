"""Claims and progress as messages, for the plane and for its workers."""
