"""The backend of the engine: diffusers pipelines on a torch device. The only package that imports torch."""
