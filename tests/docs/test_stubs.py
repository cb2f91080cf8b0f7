"""Whoever takes protos/ alone can generate code from it, as the README says."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.page import ROOT, Page

_BIN = Path(sys.executable).parent
_README = Page("README.md").text


def test_buf_generates_from_the_one_folder(tmp_path: Path) -> None:
    template = re.search(r"```yaml\n(# buf\.gen\.yaml\n.*?)```", _README, re.DOTALL)
    command = re.search(r"^(buf generate .*)$", _README, re.MULTILINE)
    assert template
    assert command
    # Another plugin than the README's: this one is installed here, and makes stubs for Python.
    plugin = template[1].replace("protoc-gen-es", str(_BIN / "protoc-gen-mypy"))
    (tmp_path / "buf.gen.yaml").write_text(plugin)
    shutil.copytree(ROOT / "protos", tmp_path / "protos")

    done = subprocess.run(
        [str(_BIN / "buf"), *shlex.split(command[1])[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    made = {str(path.relative_to(tmp_path / "generated")) for path in (tmp_path / "generated").rglob("*_pb2.pyi")}
    own = {str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos/atelier").rglob("*.proto")}
    assert {name.replace("_pb2.pyi", ".proto") for name in made if name.startswith("atelier/")} == own
    assert {"buf/validate/validate_pb2.pyi", "google/api/annotations_pb2.pyi"} <= made
    assert not any(name.startswith(("envoy/", "xds/")) for name in made)
