"""The `atelier` command on terminals of 80 and 60 columns."""

import re

import pytest
from tests.unit.client.atelier_command import COMMAND, Atelier, environment
from tests.unit.client.small_mesh import SmallMesh
from tests.unit.client.terminal import in_terminal, without_escapes

IMAGE = "0198c0de-1234-7abc-8def-0123456789ab"


def screen(atelier: Atelier, columns: int, *words: str, **variables: str) -> str:
    """What the command shows; it must succeed."""
    env = environment({**atelier.environment, "TERM": "xterm-256color", **variables})
    code, shown = in_terminal([*COMMAND, "--grpc", *words], columns, atelier.folder, env)
    assert code == 0, shown
    return shown


@pytest.fixture
def rich_mesh(small_mesh: SmallMesh, atelier: Atelier) -> Atelier:
    """The command beside a mesh that has an image, a key and models with names as long as they get."""
    atelier("generate", "a red circle on a blue background, as large as the whole picture", "--no-wait")
    atelier("keys", "create", "the laptop that stands on the desk by the window")
    for kept in (small_mesh.images.images, small_mesh.keys.keys):
        (message,) = kept.values()
        message.id = IMAGE
    return atelier


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("words", [("images",), ("keys",), ("models",)])
def test_rows_fit_and_ids_are_whole(rich_mesh: Atelier, columns: int, words: tuple[str, ...]) -> None:
    lines = screen(rich_mesh, columns, *words).rstrip("\n").split("\n")
    assert all(len(line) <= columns for line in lines), lines
    assert lines[0].startswith("ID")
    wanted = ["demo ", "demo-clips "] if words == ("models",) else [IMAGE + " "]
    assert [line for line in lines[1:] if line.startswith(tuple(wanted))] == lines[1:]
    assert len(lines) == 1 + len(wanted)


def test_progress_is_drawn_on_a_terminal_and_gone_at_the_end(atelier: Atelier) -> None:
    shown = screen(atelier, 80, "generate", "x", "-o", "out.png")
    assert "\x1b[" in shown
    assert without_escapes(shown).rstrip().endswith("out.png")


@pytest.mark.parametrize("words", [("generate", "x", "-o", "out.png"), ("--help",), ("images",)])
def test_without_colour_there_is_none(atelier: Atelier, words: tuple[str, ...]) -> None:
    shown = screen(atelier, 80, *words, NO_COLOR="1")
    coloured = [code for code in styles(shown) if code not in ("0", "1", "2", "")]
    assert coloured == []


def styles(shown: str) -> list[str]:
    """The parameters of every sequence that sets how characters look."""
    return [code for sequence in re.findall(r"\x1b\[([0-9;]*)m", shown) for code in sequence.split(";")]


def test_bytes_are_not_written_to_a_terminal(atelier: Atelier) -> None:
    env = environment({**atelier.environment, "TERM": "xterm"})
    code, shown = in_terminal([*COMMAND, "--grpc", "generate", "x", "-o", "-"], 80, atelier.folder, env)
    assert code == 2
    assert shown.startswith("atelier: standard output is a terminal")
