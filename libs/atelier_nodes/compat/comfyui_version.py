"""`comfyui_version`: the version of ComfyUI whose behaviour is matched."""

__version__ = "0.33.0"
