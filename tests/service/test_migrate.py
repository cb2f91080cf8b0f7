"""`atelier-migrate` as operators run it, and services on databases that it has not upgraded."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

NAMES = ("auth", "storage", "image", "video", "workflow")


def ended(program: str, *arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A process that has only these settings and has ended by itself."""
    return subprocess.run(
        [sys.executable, "-c", f"from {program}.main import main; main()", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def urls(folder: Path) -> dict[str, str]:
    """A SQLite file for each database."""
    return {f"ATELIER_{name.upper()}_DATABASE_URL": f"sqlite:///{folder / name}.db" for name in NAMES}


def test_it_upgrades_every_database_and_reports_it(tmp_path: Path) -> None:
    first = ended("atelier_migrate", environment=urls(tmp_path / "new"))
    second = ended("atelier_migrate", environment=urls(tmp_path / "new"))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert {line.partition(":")[0] for line in first.stdout.splitlines()} == set(NAMES)
    assert all(line.endswith(", upgraded from no revision") for line in first.stdout.splitlines())
    assert "upgraded" not in second.stdout
    for name in NAMES:
        assert (tmp_path / "new" / f"{name}.db").stat().st_mode & 0o077 == 0, "only its owner may read it"


def test_it_upgrades_the_databases_that_are_named_and_no_other(tmp_path: Path) -> None:
    done = ended("atelier_migrate", "auth", "image", environment=urls(tmp_path))

    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.glob("*.db")} == {"auth.db", "image.db"}


def test_a_database_that_there_is_not_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    done = ended("atelier_migrate", "sound", environment=urls(tmp_path))

    assert done.returncode == 2
    assert "there is no database sound; there are auth, storage, image, video, workflow" in done.stderr


def test_a_database_that_is_unavailable_is_said_in_one_line_without_its_password(tmp_path: Path) -> None:
    away = {"ATELIER_IMAGE_DATABASE_URL": "postgresql+asyncpg://atelier:hunter2@127.0.0.1:1/image"}
    done = ended("atelier_migrate", "image", environment=urls(tmp_path) | away)

    assert done.returncode == 1
    assert done.stderr.startswith("atelier-migrate: image: ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_a_url_that_is_none_is_a_wrong_setting_and_is_not_shown(tmp_path: Path) -> None:
    done = ended("atelier_migrate", environment=urls(tmp_path) | {"ATELIER_AUTH_DATABASE_URL": "hunter2"})

    assert done.returncode == 78
    assert done.stderr == "atelier-migrate: ATELIER_AUTH_DATABASE_URL is not an SQLAlchemy URL\n"


@pytest.mark.parametrize("service", NAMES)
def test_a_service_ends_on_a_database_that_was_not_upgraded_and_names_the_remedy(service: str, tmp_path: Path) -> None:
    settings = {"ATELIER_DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}", "ATELIER_SPOOL_DIR": str(tmp_path)}
    done = ended(f"atelier_{service}", environment=settings)

    assert done.returncode == 78, done.stderr
    assert done.stderr.startswith(f"atelier-{service}: ")
    assert done.stderr.endswith(": run atelier-migrate\n")
    assert done.stderr.count("\n") == 1
