"""SECURITY.md's table of attacks: one row for each test of tests/attack, in their order."""

import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_BEGIN, _END = "<!-- attacks: written from tests/attack -->\n", "<!-- end of attacks -->"


def _rows() -> list[str]:
    rows = []
    for file in sorted((ROOT / "tests/attack").glob("test_*.py"), reverse=True):
        module = importlib.import_module(f"tests.attack.{file.stem}")
        tests = [f for name, f in vars(module).items() if name.startswith("test_") and f.__module__ == module.__name__]
        for test in sorted(tests, key=lambda test: inspect.unwrap(test).__code__.co_firstlineno):
            marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
            found = [mark.kwargs for mark in marks if mark.name == "attack"]
            assert found, f"{test.__name__} says not what it attacks"
            (row,) = found
            rows.append(f"| {row['who']} | {row['tries']} | {row['holds']} |")
    return rows


def test_every_attack_is_a_row_of_the_table() -> None:
    table = "| who | tries | what holds |\n| --- | --- | --- |\n" + "\n".join(_rows()) + "\n"
    written = (ROOT / "SECURITY.md").read_text("utf-8").partition(_BEGIN)[2].partition(_END)[0]
    assert written == table, f"the table should be:\n{table}"
