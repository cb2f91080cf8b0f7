"""Generated from protos/ by `make proto`; not edited."""
