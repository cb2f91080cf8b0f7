"""The `atelier nodes` command: lists packs as a host loads them, and installs their requirements."""
