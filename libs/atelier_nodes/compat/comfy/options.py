"""`comfy.options`: whether the command line is parsed at import; a host has none."""

args_parsing = False


def enable_args_parsing(enable: bool = True) -> None:
    """Does nothing: options are settings of the host."""
