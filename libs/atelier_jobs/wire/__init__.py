"""Claims as messages between the plane and its workers, for both sides."""
