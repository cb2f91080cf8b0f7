"""The API processes bring no torch, and what reads pictures only where pictures are read."""

import subprocess
import sys

import pytest

_HEAVY = ("torch", "diffusers", "transformers", "PIL", "numpy", "modelscope", "accelerate", "av")


@pytest.mark.parametrize(("program", "brings"), [
    ("atelier_image.main", []),
    ("atelier_video.main", ["PIL", "numpy"]),  # frames are cut out and made smaller on demand
])  # fmt: skip
def test_an_api_process_imports_nothing_heavy(program: str, brings: list[str]) -> None:
    code = f"""
import sys
import {program}
print([name for name in {_HEAVY} if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == str(brings)
