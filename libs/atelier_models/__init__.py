"""Models: how they stand on the workers, reports and commands; knows no job and no parameters."""
