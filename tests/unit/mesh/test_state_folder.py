"""The state folder is usable, or the launcher says why not."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from atelier_mesh.state_folder import AlreadyRunningError, Secrets, locked
from atelier_service.configuration import ConfigurationError


def test_it_is_made_and_held_by_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    with locked(folder):
        assert folder.is_dir()
        with pytest.raises(AlreadyRunningError, match="ATELIER_STATE_DIR"), locked(folder):
            pass
    with locked(folder):
        pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("file/state", "Not a directory"),
        ("n" * 300, "name too long"),
        ("a:b", "':'"),
        ("a\nb", "printed"),
        ("a\0b", "printed"),
    ],
)
def test_one_that_cannot_be_is_refused_in_one_line(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError) as refused, locked(tmp_path / name):
        pass
    assert message in str(refused.value)
    assert "ATELIER_STATE_DIR" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_in_place_of_one_of_its_folders_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(ConfigurationError, match="logs cannot be written"), locked(tmp_path):
        pass


def test_a_disk_without_room_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="MiB free"), locked(tmp_path, least_free_bytes=2**80):
        pass


@pytest.mark.parametrize("text", ["", "[]", '{"api_key": "hunter2"}', "hunter2"])
def test_secrets_that_are_broken_are_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"secrets\.json") as refused:
        Secrets.load_or_create(tmp_path / "secrets.json")
    assert "hunter2" not in str(refused.value)


def test_secrets_of_an_earlier_version_stay_and_get_what_they_lack(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    earlier = {"api_key": "key", "service_secret": "shared", "s3_access_key": "a", "s3_secret_key": "b"}
    path.write_text(json.dumps(earlier))
    secrets = Secrets.load_or_create(path)
    assert earlier.items() <= asdict(secrets).items()
    assert len({"shared", *secrets.worker_secrets.values()}) == 4
    assert Secrets.load_or_create(path) == secrets
    assert path.stat().st_mode & 0o777 == 0o600
