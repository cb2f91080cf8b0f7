"""Planted imports: a copy of the code that ships, in which the import contracts are checked with one import more."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHIPPED = ("libs", "services", "gateway")
_VERDICT = re.compile(r"^(.+) (KEPT|BROKEN)(?: \(.*\))?$", re.MULTILINE)


@dataclass(frozen=True)
class Plant:
    """An import inside a function of a module. A module of ours that does not exist is planted too."""

    importer: str
    imported: str

    def __str__(self) -> str:
        return f"{self.importer} -> {self.imported}"


class PlantedTree:
    """A copy of the Python files of the packages that ship, with the contracts of pyproject.toml."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for shipped in SHIPPED:
            for file in (ROOT / shipped).rglob("*.py"):
                copy = folder / file.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
        shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")

    def broken_by(self, plant: Plant) -> set[str]:
        """Returns the names of the contracts that are broken while `plant` is in the copy."""
        files = [file for module in (plant.importer, plant.imported) if (file := self._file(module)) is not None]
        before = {file: file.read_text("utf-8") for file in files if file.exists()}
        planted = [folder for folder in {file.parent for file in files} if not folder.exists()]
        for folder in planted:
            folder.mkdir()
            (folder / "__init__.py").touch()
        for file in files:
            file.touch()
        importer = files[0]
        importer.write_text(
            f"{before.get(importer, '')}\n\ndef planted() -> None:\n    import {plant.imported}\n", "utf-8"
        )
        try:
            return self.broken()
        finally:
            for file in files:
                if file in before:
                    file.write_text(before[file], "utf-8")
                else:
                    file.unlink()
            for folder in planted:
                shutil.rmtree(folder)

    def broken(self) -> set[str]:
        """Returns the names of the contracts that are broken.

        Raises:
            RuntimeError: import-linter did not check every contract.
        """
        program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
        paths = os.pathsep.join(str(self._folder / shipped) for shipped in SHIPPED)
        done = subprocess.run(
            [sys.executable, "-c", program, "--no-cache"],
            cwd=self._folder, env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "400"},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        verdicts: list[tuple[str, str]] = _VERDICT.findall(done.stdout)
        if not verdicts:
            raise RuntimeError(f"import-linter checked nothing: {done.stdout}{done.stderr}")
        return {name for name, verdict in verdicts if verdict == "BROKEN"}

    def _file(self, module: str) -> Path | None:
        """Returns where a module of ours is or would be; None for a module of others."""
        package, *rest = module.split(".")
        homes = [self._folder / shipped for shipped in SHIPPED if (self._folder / shipped / package).is_dir()]
        if not homes:
            return None
        path = homes[0].joinpath(package, *rest)
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
