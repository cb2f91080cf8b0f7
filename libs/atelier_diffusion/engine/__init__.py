"""The engine: its models in memory, its denoising loop, and the ports to the backend. Loads no torch."""
