"""A page of docs/, read as its readers see it: headings, tables, names in code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Page:
    """A Markdown file."""

    def __init__(self, path: str) -> None:
        self.path = ROOT / path
        self.text = self.path.read_text("utf-8")

    def section(self, heading: str) -> str:
        """What stands under a heading, up to the next one. Raises AssertionError when there is none."""
        found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert found, f"{self.path.name} has no section {heading!r}"
        return found[1]

    def rows(self, heading: str) -> list[list[str]]:
        """The cells of the tables in a section, without their heads."""
        lines = [line for line in self.section(heading).splitlines() if line.startswith("|")]
        heads = {k for k, line in enumerate(lines) if set(line) <= set("| -")}
        return [
            [cell.strip() for cell in line.strip("|").split("|")]
            for k, line in enumerate(lines)
            if k not in heads and k + 1 not in heads
        ]

    def named(self, heading: str) -> dict[str, list[str]]:
        """The rows of a section by the name in their first cell, without its backticks."""
        return {row[0].strip("`"): row[1:] for row in self.rows(heading)}

    def links(self) -> list[str]:
        """Its links to files of the repository, without fragments."""
        text = re.sub(r"^```.*?^```$", "", self.text, flags=re.MULTILINE | re.DOTALL)
        targets = re.findall(r"\]\(([^)\s]+)\)", text)
        return [target.partition("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
