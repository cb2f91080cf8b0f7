"""Answers of a running ComfyUI to prompts that are wrong, recorded, and what `atelier comfy` returns for the same."""

import json
from pathlib import Path
from typing import Any

from tests.comfy.comfy_client import ComfyClient, comfy_client
from tests.comfy.comfy_process import comfy_process, extra_paths_file

RECORDED = json.loads((Path(__file__).parent / "recorded_answers.json").read_text("utf-8"))
OF_EACH_PROMPT = ("prompt_id", "number")


async def refusal(client: ComfyClient, prompt: Any) -> tuple[str, dict[str, Any]]:
    """The type of the error, and the errors of nodes, of a prompt that is refused."""
    status, body = await client.post("/prompt", {"prompt": prompt})
    assert status == 400, body
    assert ".py" not in json.dumps(body)
    return body["error"]["type"], {
        node: [error["type"] for error in errors["errors"]] for node, errors in body["node_errors"].items()
    }


async def test_wrong_prompts_return_the_errors_of_comfyui_and_better_ones_where_it_fails(tmp_path: Path) -> None:
    flags = ("--extra-model-paths-config", str(extra_paths_file(tmp_path)))
    async with comfy_process(tmp_path, *flags) as server, comfy_client(server.url) as client:
        for name, recorded in RECORDED.items():
            status, body = await client.post("/prompt", recorded["request"])
            expected = {key: value for key, value in recorded["body"].items() if key not in OF_EACH_PROMPT}
            assert status == recorded["status"], (name, body)
            assert {key: value for key, value in body.items() if key not in OF_EACH_PROMPT} == expected, name

        failed = "prompt_outputs_failed_validation"
        show: dict[str, Any] = {"class_type": "Show", "inputs": {"v": ["2", 0]}}
        inc = {"class_type": "Inc", "inputs": {"v": 1, "d": 0.0}}
        nowhere = await refusal(client, {"1": show})
        assert nowhere == (failed, {"1": ["bad_linked_input"]})
        no_slot = await refusal(client, {"1": {**show, "inputs": {"v": ["2", 5]}}, "2": inc})
        assert no_slot == (failed, {"1": ["bad_linked_input"]})
        assert await refusal(client, {"1": {"class_type": "Show"}}) == (failed, {"1": ["required_input_missing"]})
        assert await refusal(client, []) == ("invalid_prompt", {})
        assert await refusal(client, {"1": "x"}) == ("invalid_node", {})
