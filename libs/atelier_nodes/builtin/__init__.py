"""The nodes that ship, under ComfyUI's names, and a few of our own."""
