"""Tables on terminals of any width: what identifies a thing is never cut and never wrapped."""

import pytest
from rich.cells import cell_len

from atelier_client.table import drawn

IMAGE = "0198c0de-1234-7abc-8def-0123456789ab"
HEADINGS = ("ID", "STATE", "MADE", "PROMPT")
ROWS = [
    (IMAGE, "SUCCEEDED", "13 min ago", "a red circle on a blue background, as large as the picture"),
    (IMAGE, "QUEUED", "2 d ago", "円 " * 30),
]


def lines(width: int) -> list[str]:
    """The table as a terminal of this width shows it."""
    return drawn(HEADINGS, ROWS, width, elastic="PROMPT", droppable=("MADE",))


@pytest.mark.parametrize("width", [200, 120, 80, 72, 60, 52])
def test_a_row_is_one_line_with_its_whole_id(width: int) -> None:
    table = lines(width)
    assert len(table) == 3
    assert all(line.startswith(IMAGE + "  ") for line in table[1:])
    assert all(cell_len(line) <= width for line in table)


def test_a_wide_terminal_shows_everything() -> None:
    assert "MADE" in lines(200)[0]
    assert lines(200)[1].endswith("as large as the picture")


def test_a_narrow_one_cuts_the_prompt_and_then_leaves_columns_out() -> None:
    assert "MADE" in lines(80)[0]
    assert lines(80)[1].endswith("…")
    assert "MADE" not in lines(60)[0]
    assert "SUCCEEDED" in lines(60)[1]


def test_an_id_is_whole_on_a_terminal_that_is_narrower_than_it() -> None:
    assert all(IMAGE in line for line in lines(20)[1:])


def test_an_empty_table_is_its_headings() -> None:
    assert drawn(HEADINGS, [], 80, elastic="PROMPT", droppable=("MADE",)) == ["ID  STATE  MADE  PROMPT"]
