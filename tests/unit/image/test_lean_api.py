"""The API process brings no torch."""

import subprocess
import sys

_HEAVY = ("torch", "diffusers", "transformers", "PIL", "numpy", "modelscope", "accelerate")


def test_the_api_process_imports_nothing_heavy() -> None:
    program = f"""
import sys
import atelier_image.main
print([name for name in {_HEAVY} if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"
