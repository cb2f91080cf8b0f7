"""What a job is and which moves are legal: pure values, rules and ports."""
