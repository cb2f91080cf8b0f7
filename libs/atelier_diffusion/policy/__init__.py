"""Rules that need no device: requests, model cards, estimates, errors. Loads neither torch nor numpy."""
