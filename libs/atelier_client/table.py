"""Tables: fitted to the width of a terminal, where ids are never cut; tab-separated on other outputs."""

import shutil
import sys
from collections.abc import Iterable, Sequence

_GAP = 2
_LEAST_ELASTIC = 10  # cells that the elastic column has at least before others are left out


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, elastic: str, droppable: Sequence[str] = ()
) -> None:
    """Prints a table to standard output. Unless that is a terminal, rows are separated by tabs and have no headings.

    Args:
        headings: The names of the columns.
        rows: The cells of each row.
        elastic: The column that is truncated to the width that the others leave.
        droppable: Columns that are left out, the first one first, when that width is too small. All others are shown in
            full, whatever the width.
    """
    cleaned = [[clean(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cleaned:
            print("\t".join(row), flush=True)
        return
    for line in drawn(headings, cleaned, shutil.get_terminal_size().columns, elastic=elastic, droppable=droppable):
        print(line)
    sys.stdout.flush()


def drawn(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, elastic: str, droppable: Sequence[str] = ()
) -> list[str]:
    """Returns the lines of a table for a terminal of `width` cells; other arguments as for `table`."""
    from rich.cells import cell_len, set_cell_size

    columns = list(zip(headings, *rows, strict=True))
    widths = {column[0]: max(map(cell_len, column)) for column in columns}
    rest = _rest(widths, width, elastic)
    for heading in droppable:
        if rest >= min(widths[elastic], _LEAST_ELASTIC):
            break
        del widths[heading]
        rest = _rest(widths, width, elastic)
    widths[elastic] = min(widths[elastic], max(rest, 1))
    shown = [column for column in columns if column[0] in widths]
    return [
        (" " * _GAP)
        .join(set_cell_size(_cut(cell, widths[c[0]]), widths[c[0]]) for cell, c in zip(line, shown, strict=True))
        .rstrip()
        for line in zip(*shown, strict=True)
    ]


def clean(text: str) -> str:
    """Returns `text` without characters that would move a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def _rest(widths: dict[str, int], width: int, elastic: str) -> int:
    """Returns the number of cells that the other columns leave to the elastic one."""
    return width - sum(taken + _GAP for heading, taken in widths.items() if heading != elastic)


def _cut(text: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
