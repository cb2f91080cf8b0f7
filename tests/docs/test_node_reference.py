"""docs/node-reference.md names every node that ships, as the code has it."""

from tools import node_reference
from tools.node_reference import meaning

from atelier_nodes.builtin import NODE_CLASSES
from tests.docs.page import Page

PAGE = Page("docs/node-reference.md")


def test_every_node_is_in_the_page_with_a_description() -> None:
    for name, node in NODE_CLASSES.items():
        assert meaning(node), f"{name} says nothing"
        assert f"| `{name}` | {meaning(node)} |" in PAGE.text


def test_the_tables_are_those_that_the_tool_writes() -> None:
    assert node_reference.page(PAGE.text) == PAGE.text
