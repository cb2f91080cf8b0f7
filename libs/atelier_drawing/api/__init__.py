"""The servicers' side of drawings."""
