"""Inputs of graphs are set by name: typed ones, NODE.INPUT, those that one node alone has, and prompts."""

import json
from pathlib import Path
from typing import Any

import pytest

from atelier_client.graph_file import GraphFile

SEED = 2**64 - 1


def graph() -> dict[str, Any]:
    """A sampler with two texts, the positive one combined of two."""
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {"seed": 1, "cfg": 2.5, "fast": True, "positive": ["10", 0], "negative": ["7", 0]},
        },
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a circle", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "out"}},
        "10": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}},
    }


def assigned(name: str, text: str) -> dict[str, Any]:
    """The graph after an assignment."""
    file = GraphFile(graph())
    file.assign(name, text)
    return file.graph


def test_a_seed_of_64_bits_keeps_its_digits() -> None:
    assert assigned("seed", str(SEED))["3"]["inputs"]["seed"] == SEED


def test_a_node_is_named_before_its_input() -> None:
    assert assigned("7.text", "blurry")["7"]["inputs"]["text"] == "blurry"


def test_a_prompt_is_the_text_behind_the_sampler() -> None:
    assert assigned("prompt", "a square")["6"]["inputs"]["text"] == "a square"
    assert assigned("negative_prompt", "blurry")["7"]["inputs"]["text"] == "blurry"


def test_text_stays_text_and_numbers_are_numbers() -> None:
    assert assigned("filename_prefix", "7")["9"]["inputs"]["filename_prefix"] == "7"
    assert assigned("cfg", "3")["3"]["inputs"]["cfg"] == 3
    assert assigned("fast", "false")["3"]["inputs"]["fast"] is False


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("text", "x", "several such inputs; there are 6.text, 7.text"),
        ("sede", "1", "no such inputs; there are 3.cfg, 3.fast, 3.seed"),
        ("seed", "many", "'many' is not a number"),
        ("fast", "1", "'1' is not true or false"),
        ("positive", "x", "no such inputs"),
    ],
)
def test_what_is_not_clear_is_refused(name: str, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        assigned(name, text)


def test_typed_inputs_of_a_workflow_set_all_of_their_targets(tmp_path: Path) -> None:
    targets = [{"node_id": "6", "input": "text"}, {"node_id": "7", "input": "text"}]
    file = tmp_path / "workflow.json"
    document = {"name": "w", "graph": graph(), "inputs": [{"name": "both", "type": "STRING", "targets": targets}]}
    file.write_text(json.dumps(document))

    read = GraphFile.read(file)
    read.assign("both", "same")

    assert [read.graph[node]["inputs"]["text"] for node in ("6", "7")] == ["same", "same"]
    assert read.definition["name"] == "w"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "no JSON object"),
        ("{}", "no graph in API format"),
        ('{"nodes": [], "links": []}', "export it in API format"),
        ('{"1": {"inputs": {}}}', "no graph in API format"),
    ],
)
def test_what_is_no_graph_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "graph.json"
    file.write_text(text)

    with pytest.raises(ValueError, match=says):
        GraphFile.read(file)
