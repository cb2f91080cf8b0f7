"""The list of packs that `atelier nodes` prints."""

from atelier_nodes.command.pack_list import pack_list, pack_list_json
from atelier_nodes.pool.catalogue import NodeCatalogue, PackEntry

PACKS = NodeCatalogue(
    classes={},
    packs=(
        PackEntry(
            "a-pack", "/packs/a-pack", ("One", "Two"), "", 0.25, ("Three: FUNCTION is not the name of a method",)
        ),
        PackEntry("broken", "/packs/broken.py", (), "module 'x' is not installed (broken.py:3)", 0.0),
    ),
)


def test_people_read_a_line_for_each_pack_with_its_nodes_below() -> None:
    assert pack_list(PACKS).splitlines() == [
        "PACK    NODES  OUTCOME",
        "a-pack      2  loaded in 0.25 s",
        "    One, Two",
        "    ! Three: FUNCTION is not the name of a method",
        "broken      0  not loaded: module 'x' is not installed (broken.py:3)",
        "2 packs, 1 of which did not load; 2 nodes",
    ]


def test_no_packs_are_said_to_be_none() -> None:
    assert pack_list(NodeCatalogue(classes={})) == "There are no packs."


def test_programs_read_the_same_as_json() -> None:
    first, second = pack_list_json(PACKS)["packs"]
    assert (first["nodes"], first["notes"]) == (["One", "Two"], ["Three: FUNCTION is not the name of a method"])
    assert second == {
        "name": "broken",
        "path": "/packs/broken.py",
        "nodes": [],
        "error": "module 'x' is not installed (broken.py:3)",
        "notes": [],
        "seconds": 0.0,
    }
