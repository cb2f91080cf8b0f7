"""The client's own distribution, libs/pyproject.toml: all that the client imports, nothing of a server."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIBS = ROOT / "libs"


def project(folder: Path) -> dict[str, Any]:
    """The pyproject.toml of a distribution."""
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))


CLIENT = project(LIBS)
PACKAGES: list[str] = CLIENT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def imported() -> Iterator[str]:
    """The top-level modules that its packages import, wherever in a file."""
    for package in PACKAGES:
        for file in (LIBS / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    yield from (alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module.partition(".")[0]


def names(requirements: list[str]) -> set[str]:
    """The distributions that requirements name."""
    return {requirement.partition(">=")[0].partition("[")[0].lower() for requirement in requirements}


def test_it_holds_our_packages_that_it_imports_and_no_others() -> None:
    ours = {path.parent.name for path in LIBS.glob("*/__init__.py")}
    assert ours & set(imported()) == set(PACKAGES)


def test_what_else_it_imports_is_what_it_depends_on() -> None:
    homes = packages_distributions()
    others = {name for name in imported() if name not in PACKAGES and name not in sys.stdlib_module_names}
    declared = names(CLIENT["project"]["dependencies"])
    for module in others:
        assert declared & {home.lower() for home in homes[module]}, f"{module} is of none of the dependencies"
    used = {home.lower() for module in others for home in homes[module]}
    assert declared <= used, "a dependency that nothing imports"


def test_both_distributions_agree() -> None:
    mesh = project(ROOT)["project"]
    assert CLIENT["project"]["version"] == mesh["version"]
    assert CLIENT["project"]["requires-python"] == mesh["requires-python"]
    local = {*mesh["dependencies"], *mesh["optional-dependencies"]["local"]}
    assert set(CLIENT["project"]["dependencies"]) <= local


def test_its_only_command_is_the_clients() -> None:
    scripts = CLIENT["project"]["scripts"]
    assert scripts == {"atelier": project(ROOT)["project"]["scripts"]["atelier"]}


@pytest.mark.parametrize("server", ["grpcio-health-checking", "grpcio-reflection", "torch", "SQLAlchemy", "nats-py"])
def test_nothing_of_a_server_comes_with_it(server: str) -> None:
    assert server.lower() not in names(CLIENT["project"]["dependencies"])
