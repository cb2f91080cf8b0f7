"""What the launcher checks before it starts anything."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from atelier_mesh.ports import Ports
from atelier_mesh.preflight import check_names, check_programs
from atelier_mesh.program import Program
from atelier_mesh.programs import gateway_program, service_programs
from atelier_mesh.settings import MeshSettings
from atelier_mesh.state_folder import Secrets
from atelier_service.configuration import ConfigurationError

KEY = f"atl_{'a' * 12}_{'b' * 43}"
SECRET = "c" * 43


@pytest.fixture
def programs(tmp_path: Path) -> list[Program]:
    """Our own processes, on a state folder without a catalogue of the user's."""
    settings, ports = MeshSettings(state_dir=tmp_path), Ports.following(8080)
    services = service_programs(settings, ports, Secrets(KEY, SECRET, "access", "secret", SECRET, SECRET, SECRET))
    return [*services, gateway_program(settings, ports)]


def with_variable(programs: list[Program], name: str, value: str) -> list[Program]:
    """The same, each with this variable in its environment."""
    return [replace(program, environment={**program.environment, name: value}) for program in programs]


def test_nothing_is_wrong_with_the_defaults(programs: list[Program]) -> None:
    assert check_programs(programs) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ATELIER_DEVICE", "gpu", "atelier-image-worker: ATELIER_DEVICE=gpu: "),
        ("ATELIER_DTYPE", "int4", "ATELIER_DTYPE=int4: "),
        ("ATELIER_SLOTS", "many", "ATELIER_SLOTS=many: "),
        ("ATELIER_TOKEN_LIFETIME_S", "5", "atelier-auth: ATELIER_TOKEN_LIFETIME_S=5: "),
        ("ATELIER_MAX_PIXELS", "0", "atelier-storage: ATELIER_MAX_PIXELS=0: "),
        ("ATELIER_HEARTBEAT_S", "-1", "atelier-events: ATELIER_HEARTBEAT_S=-1: "),
        ("ATELIER_MAX_QUEUED", "1.5", "ATELIER_MAX_QUEUED=1.5: "),
        ("ATELIER_HF_ENDPOINT", "mirror", "ATELIER_HF_ENDPOINT=mirror: "),
        ("ATELIER_GATEWAY_MAX_STREAMS", "0", "gateway: ATELIER_GATEWAY_MAX_STREAMS=0: "),
        ("ATELIER_SERVICE_SECRETS", "no JSON", "ATELIER_SERVICE_SECRETS: should be JSON"),
    ],
)
def test_a_wrong_setting_of_any_process_is_named_with_its_process(
    programs: list[Program], name: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_programs(with_variable(programs, name, value))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATELIER_SIGNING_KEY_SECRET", "hunter2"),
        ("ATELIER_SERVICE_SECRETS", '{"a": "hunter2"}'),
        ("ATELIER_SERVICE_SECRETS", "hunter2"),
    ],
)
def test_a_rejected_secret_is_not_shown(programs: list[Program], name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as refused:
        check_programs(with_variable(programs, name, value))
    assert "hunter2" not in str(refused.value)


def test_the_environment_is_as_before_afterwards(programs: list[Program]) -> None:
    before = dict(os.environ)
    check_programs(programs)
    assert dict(os.environ) == before


def test_a_wrong_field_of_the_users_models_is_named_with_its_file(programs: list[Program], tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models: {mine: {source: 'hf:a/b', max_framez: 8}}")
    with pytest.raises(ConfigurationError) as refused:
        check_programs(programs)
    assert f"{tmp_path}/models.yaml: model 'mine': unknown field 'max_framez'; did you mean max_frames?" in str(
        refused.value
    )


def test_a_model_whose_folder_is_missing_is_a_warning_said_once(programs: list[Program], tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("models: {mine: {source: 'path:/nowhere/at/all'}}")
    assert check_programs(programs) == ["model 'mine': there is no folder /nowhere/at/all"]


def test_names_that_are_no_setting_or_have_no_effect_are_warned_of(programs: list[Program]) -> None:
    environment = {
        "ATELIER_IMAGE_WORKRES": "2",
        "ATELIER_COLOUR_OF_THE_WALLS": "blue",
        "ATELIER_DATABASE_URL": "sqlite:///elsewhere.db",
        "ATELIER_GATEWAY_LISTEN": "0.0.0.0:443",
        "ATELIER_GATEWAY_MAX_STREAM": "9",
        # These are in order.
        "ATELIER_GATEWAY_MAX_STREAMS": "9",
        "ATELIER_PORT": "8080",
        "ATELIER_URL": "http://127.0.0.1:8080",
        "ATELIER_DEVICE": "cpu",
        "atelier_slots": "1",
        "PATH": "/bin",
    }
    assert check_names(programs, environment) == [
        "ATELIER_COLOUR_OF_THE_WALLS is no setting",
        "ATELIER_DATABASE_URL has no effect here: the launcher sets it itself",
        "ATELIER_GATEWAY_LISTEN has no effect here: the launcher sets it itself",
        "ATELIER_GATEWAY_MAX_STREAM is no setting; did you mean ATELIER_GATEWAY_MAX_STREAMS?",
        "ATELIER_IMAGE_WORKRES is no setting; did you mean ATELIER_IMAGE_WORKERS?",
    ]
