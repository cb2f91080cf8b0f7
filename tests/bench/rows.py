"""What was measured: rows of a table, and how rounds become a row."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """What a value should be: at most, or at least, `limit`."""

    limit: float
    at_most: bool = True

    def met_by(self, value: float) -> bool:
        """Whether `value` is good enough."""
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of some rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement. `ours` and `theirs` are for people: the plain numbers that the value was made of."""

    name: str
    value: Spread
    unit: str
    target: Target | None = None
    ours: str = ""
    theirs: str = ""
    rounds: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""
    """A line for people below the table."""

    def shared_out(self, parts: dict[str, list[float]], *, unit: str, scale: float = 1.0) -> "Row":
        """With a note of what `ours` is the sum of."""
        medians = sorted(((median(values) * scale, name) for name, values in parts.items()), reverse=True)
        note = ", ".join(f"{name} {value:.1f}" for value, name in medians)
        return replace(self, rounds=self.rounds | parts, note=f"{self.name}, {unit}: {note}")

    def as_json(self) -> dict[str, Any]:
        """For the file: everything, and whether the target was met."""
        met = None if self.target is None else self.target.met_by(self.value.median)
        return {**asdict(self), "met": met}


def ratio_row(
    name: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    unit: str,
    scale: float = 1.0,
    inverted: bool = False,
    target: Target | None = None,
) -> Row:
    """Ours over theirs, round by round: what disturbs a round disturbs both sides of it.

    `scale` turns the numbers into `unit` for people; `inverted` says theirs over ours.
    """
    ratios = [theirs / ours if inverted else ours / theirs for ours, theirs in zip(ours, theirs, strict=True)]
    return Row(
        name=name,
        value=Spread.of(ratios),
        unit="×",
        target=target,
        ours=f"{median(ours) * scale:.4g} {unit}",
        theirs=f"{median(theirs) * scale:.4g} {unit}",
        rounds={"ours": list(ours), "theirs": list(theirs)},
    )


_HEADINGS = ("measure", "ours", "direct", "value", "spread", "target", "")


def table(rows: Sequence[Row]) -> str:
    """The rows, aligned, and their notes."""
    lines = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(_HEADINGS))]
    texts = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    notes = [row.note for row in rows if row.note]
    return "\n".join([texts[0], "  ".join("-" * w for w in widths if w), *texts[1:], *([""] if notes else []), *notes])


def _cells(row: Row) -> tuple[str, ...]:
    value, unit = row.value, "" if row.unit == "×" else f" {row.unit}"
    spread = "" if value.low == value.high else f"{_number(value.low)} to {_number(value.high)}"
    target, met = "", ""
    if row.target is not None:
        target = f"{'≤' if row.target.at_most else '≥'} {row.target.limit:g}{unit}"
        met = "met" if row.target.met_by(value.median) else "MISSED"
    return row.name, row.ours, row.theirs, _number(value.median) + (unit or " ×"), spread, target, met


def _number(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"
