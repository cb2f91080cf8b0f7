"""docs/configuration.md names every setting, as the code has it."""

import pkgutil
from importlib import import_module

from pydantic_settings import BaseSettings
from tools import configuration
from tools.configuration import GROUPS, environment_name, meaning

import atelier_service.settings
from tests.docs.page import ROOT, Page

PAGE = Page("docs/configuration.md")


def settings_classes() -> set[type[BaseSettings]]:
    """Every settings class of services, gateway and libraries."""
    folders = [ROOT / folder for folder in ("libs", "services", "gateway")]
    modules = [
        import_module(f"{package.name}.settings")
        for package in pkgutil.iter_modules(map(str, folders))
        if any((folder / package.name / "settings.py").is_file() for folder in folders)
    ]
    return {
        value
        for module in [*modules, atelier_service.settings]
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseSettings) and value is not BaseSettings
    }


def test_every_settings_class_has_a_table() -> None:
    assert {group.settings for group in GROUPS} == settings_classes()


def test_every_field_stands_in_the_page_with_its_meaning() -> None:
    rows = [line for line in PAGE.text.splitlines() if line.startswith("| `ATELIER_")]
    for settings in settings_classes():
        for name, field in settings.model_fields.items():
            assert field.description, f"{settings.__name__}.{name} says nothing"
            begin, end = f"| `{environment_name(settings, name)}` |", f"| {meaning(field)} |"
            assert any(row.startswith(begin) and row.endswith(end) for row in rows)


def test_the_tables_are_those_that_the_tool_writes() -> None:
    assert configuration.page(PAGE.text) == PAGE.text
