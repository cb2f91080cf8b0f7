"""The servicers' side of models."""
