"""Images: the API process, which brings no torch, and the worker process, which draws."""
