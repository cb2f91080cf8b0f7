"""The import path of the modules that packs import, such as `folder_paths` and `comfy.utils`.

They are in a folder that is no package, and on `sys.path` only in a process that loads packs.
"""

import sys
from pathlib import Path

COMPAT = Path(__file__).resolve().parent.parent / "compat"


def add_compat_path() -> None:
    """Makes the modules importable, before others of the same names."""
    path = str(COMPAT)
    if path not in sys.path:
        sys.path.insert(0, path)
