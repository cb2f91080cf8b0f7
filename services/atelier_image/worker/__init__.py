"""The generator of images on the worker."""
