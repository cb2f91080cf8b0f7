"""What the distribution depends on is imported by what it is for."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
HOMES = packages_distributions()
SHIPPED = ("libs", "services", "gateway")
TESTED = {
    "auth": "services/atelier_auth",
    "storage": "services/atelier_storage",
    "events": "gateway/atelier_events",
    "media": "libs/atelier_media",
}


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    """The distributions that requirements name, but for extras of our own."""
    names = {normal(re.split(r"[\s<>=!\[;]", requirement)[0]) for requirement in requirements}
    return names - {normal(PROJECT["name"])}


def imported(folder: Path) -> set[str]:
    """The distributions that the modules in a folder import, wherever in a file."""
    modules: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module)
    return {normal(home) for module in modules for home in HOMES.get(module.partition(".")[0], ())}


def test_every_base_dependency_is_imported_by_something_that_ships() -> None:
    used = set().union(*(imported(ROOT / folder) for folder in SHIPPED))
    assert declared(PROJECT["dependencies"]) <= used


@pytest.mark.parametrize("extra", TESTED)
def test_an_extra_brings_what_its_package_imports(extra: str) -> None:
    assert declared(PROJECT["optional-dependencies"][extra]) <= imported(ROOT / TESTED[extra])


def test_a_planted_dependency_is_noticed() -> None:
    assert not declared(["grpcio-reflection>=1.85"]) <= set().union(*(imported(ROOT / folder) for folder in SHIPPED))
    assert not declared(["pillow>=13"]) <= imported(ROOT / "services" / "atelier_storage")
