"""Which processes a mesh is made of, and whose port is whose."""

from dataclasses import asdict
from pathlib import Path

import pytest

from atelier_mesh.ports import Ports
from atelier_mesh.program import Program
from atelier_mesh.programs import service_programs
from atelier_mesh.settings import MeshSettings
from atelier_mesh.state_folder import Secrets

PORTS = Ports.following(8080)
SECRETS = Secrets("key", "shared", "s3-key", "s3-secret", "of image workers", "of video workers", "of workflow workers")


def programs(folder: Path, **settings: int) -> dict[str, Program]:
    """Our own processes, by name."""
    made = service_programs(MeshSettings(state_dir=folder, **settings), PORTS, SECRETS)  # type: ignore[arg-type]
    return {program.name: program for program in made}


def ports(program: Program) -> tuple[int, int]:
    """Where it listens, and where its metrics are."""
    environment = program.environment
    return int(environment["ATELIER_LISTEN"].rpartition(":")[2]), int(environment["ATELIER_METRICS_PORT"])


@pytest.mark.parametrize("workers", [(1, 0), (1, 1), (2, 1), (1, 8), (8, 8)])
def test_no_port_is_taken_twice(tmp_path: Path, workers: tuple[int, int]) -> None:
    made = programs(tmp_path, image_workers=workers[0], video_workers=workers[1])

    workers_ports = [port for program in made.values() if "worker" in program.name for port in ports(program)]
    first = {port for name, port in asdict(PORTS).items() if name.removesuffix("_metrics").endswith("_worker")}
    others = set(asdict(PORTS).values()) - first
    assert len(set(workers_ports)) == 2 * (sum(workers) + 1)  # and the one of workflows
    assert not others & set(workers_ports)


def test_a_workers_ports_do_not_move_when_there_are_more_of_another_kind(tmp_path: Path) -> None:
    few, many = programs(tmp_path, video_workers=2), programs(tmp_path, image_workers=5, video_workers=2)

    for name in ("atelier-image-worker", "atelier-video-worker", "atelier-video-worker-2"):
        assert ports(few[name]) == ports(many[name])


def test_workers_have_the_address_and_the_models_of_their_api_and_a_secret_of_their_own(tmp_path: Path) -> None:
    made = programs(tmp_path, image_workers=2, video_workers=2)

    for kind in ("image", "video"):
        kin = [program for name, program in made.items() if name.startswith(f"atelier-{kind}")]
        assert [Path(program.argv[0]).name for program in kin] == [
            f"atelier-{kind}", f"atelier-{kind}-worker", f"atelier-{kind}-worker",
        ]  # fmt: skip
        assert len({program.environment["ATELIER_MODELS"] for program in kin}) == 1
        api, *workers = kin
        assert api.environment["ATELIER_DATABASE_URL"] == f"sqlite:///{tmp_path}/{kind}.db"
        for worker in workers:
            assert worker.environment["ATELIER_PLANE_ADDRESS"] == api.environment["ATELIER_LISTEN"]
            assert worker.environment["ATELIER_SERVICE_SECRET"] == f"of {kind} workers"


def test_a_worker_is_given_no_database_no_broker_and_no_secret_of_others(tmp_path: Path) -> None:
    for name, program in programs(tmp_path, image_workers=2, video_workers=2).items():
        if "worker" in name:
            assert not {"ATELIER_DATABASE_URL", "ATELIER_NATS_URL", "ATELIER_SERVICE_SECRETS"} & set(
                program.environment
            )
            assert "shared" not in program.environment.values()


def test_without_video_workers_videos_are_still_accepted(tmp_path: Path) -> None:
    made = programs(tmp_path, video_workers=0)

    assert "atelier-video" in made
    assert "atelier-video-worker" not in made
