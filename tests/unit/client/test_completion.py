"""Shell completion: the scripts, and ids that the mesh knows."""

import subprocess

import pytest
from tests.unit.client.atelier_command import COMMAND, Atelier, environment


def completed(atelier: Atelier, line: str, **variables: str) -> str:
    """What zsh is told when the cursor stands at the end of `line`."""
    asked = {"_ATELIER_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line}
    env = environment({**atelier.environment, **asked, **variables})
    done = subprocess.run(COMMAND, capture_output=True, text=True, cwd=atelier.folder, env=env, timeout=60)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(atelier: Atelier, shell: str) -> None:
    env = environment({"_ATELIER_COMPLETE": f"source_{shell}"})
    done = subprocess.run(COMMAND, capture_output=True, text=True, cwd=atelier.folder, env=env, timeout=60)
    assert "_ATELIER_COMPLETE" in done.stdout
    assert "--install-completion" in atelier("--help").stdout


def test_commands_and_options_are_completed(atelier: Atelier) -> None:
    assert '"generate"' in completed(atelier, "atelier gen")
    assert "--prompts" in completed(atelier, "atelier generate --pro")


def test_ids_models_and_keys_are_completed_with_what_they_are(atelier: Atelier) -> None:
    atelier("generate", "a red circle", "--no-wait")
    atelier("video", "a red ball", "--no-wait")
    atelier("keys", "create", "laptop")
    shown = completed(atelier, "atelier --grpc show ")
    assert '"image-0":"image QUEUED"' in shown
    assert '"video-0":"video QUEUED"' in shown
    assert '"video-0"' not in completed(atelier, "atelier --grpc show im")
    assert '"demo":"Demo"' in completed(atelier, "atelier --grpc generate --model d")
    assert '"demo-clips"' in completed(atelier, "atelier --grpc models load demo-")
    assert '"key0":"laptop"' in completed(atelier, "atelier --grpc keys revoke ")


def test_a_mesh_that_is_not_there_completes_nothing(atelier: Atelier) -> None:
    assert "image" not in completed(atelier, "atelier show ", ATELIER_URL="http://127.0.0.1:1")
