"""Primitive, string and regular expression nodes."""

from __future__ import annotations

import re

import pytest

from atelier_nodes.builtin.primitives import PrimitiveInt
from atelier_nodes.builtin.regular_expressions import RegexExtract, RegexMatch, RegexReplace
from atelier_nodes.builtin.strings import (
    CaseConverter,
    StringCompare,
    StringConcatenate,
    StringContains,
    StringLength,
    StringReplace,
    StringSubstring,
    StringTrim,
)


def test_a_primitive_returns_its_value() -> None:
    assert PrimitiveInt().execute(7) == (7,)


def test_strings_are_joined_cut_measured_and_replaced() -> None:
    assert StringConcatenate().execute("red", "circle", " ") == ("red circle",)
    assert StringSubstring().execute("picture", 1, -1) == ("ictur",)
    assert StringLength().execute("grün") == (4,)
    assert StringReplace().execute("a-b-c", "-", "+") == ("a+b+c",)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("UPPERCASE", "A BIG CAT"), ("lowercase", "a big cat"), ("Capitalize", "A big cat"), ("Title Case", "A Big Cat")],
)
def test_cases(mode: str, expected: str) -> None:
    assert CaseConverter().execute("a Big cat", mode) == (expected,)


@pytest.mark.parametrize(("mode", "expected"), [("Both", "a"), ("Left", "a "), ("Right", " a")])
def test_white_space_is_trimmed(mode: str, expected: str) -> None:
    assert StringTrim().execute(" a ", mode) == (expected,)


def test_comparisons_may_ignore_case() -> None:
    assert StringContains().execute("Circle", "circ", False) == (True,)
    assert StringContains().execute("Circle", "circ", True) == (False,)
    assert StringCompare().execute("Circle", "ci", "Starts With", False) == (True,)
    assert StringCompare().execute("Circle", "LE", "Ends With", True) == (False,)
    assert StringCompare().execute("a", "A", "Equal", False) == (True,)


def test_a_pattern_matches_anywhere() -> None:
    assert RegexMatch().execute("a RED circle", "red", True, False, False) == (True,)
    assert RegexMatch().execute("a RED circle", "red", False, False, False) == (False,)
    assert RegexMatch().execute("a", "(", False, False, False) == (False,)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("First Match", "k1"), ("All Matches", "k1\nk22"), ("First Group", "1"), ("All Groups", "1\n22")],
)
def test_a_pattern_extracts(mode: str, expected: str) -> None:
    assert RegexExtract().execute("k1 k22", r"k(\d+)", mode, False, False, False, 1) == (expected,)


def test_extracting_what_is_not_there_is_an_empty_text() -> None:
    assert RegexExtract().execute("abc", r"\d", "First Match", False, False, False, 1) == ("",)
    assert RegexExtract().execute("abc", r"b", "All Groups", False, False, False, 1) == ("",)


def test_a_pattern_replaces_with_groups_and_up_to_a_count() -> None:
    assert RegexReplace().execute("a1 b2", r"([a-z])(\d)", r"\2\1") == ("1a 2b",)
    assert RegexReplace().execute("xxx", "x", "y", count=2) == ("yyx",)
    with pytest.raises(re.error):
        RegexReplace().execute("x", "(", "")
