"""The import contracts of pyproject.toml: each holds, covers what exists, and is broken by an import planted for it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.planted_tree import ROOT, SHIPPED, Plant, PlantedTree

LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {contract["name"]: contract for contract in LINTER["contracts"]}

PLANTS = {
    "Packages are layers: services are independent of each other, libraries know no service": [
        Plant("atelier_auth.main", "atelier_storage.main"),
        Plant("atelier_events.main", "atelier_gateway.settings"),
        Plant("atelier_image.worker_main", "atelier_video.worker.video_generator"),
        Plant("atelier_storage.main", "atelier_migrate.main"),
        Plant("atelier_models.api.planted", "atelier_image.schemas"),
        Plant("atelier_artifacts.api.planted", "atelier_models.api.planted"),
        Plant("atelier_jobs.plane.planted", "atelier_artifacts.domain.stored_files"),
        Plant("atelier_service.database", "atelier_jobs.sql.schema"),
        Plant("atelier.image.v1.image_pb2", "atelier_service.errors"),
    ],
    "Layers of a service: only its programs read settings and put adapters together": [
        Plant("atelier_auth.api.planted", "atelier_auth.settings"),
        Plant("atelier_auth.api.planted", "atelier_auth.adapters.tables"),
        Plant("atelier_image.worker.planted", "atelier_image.api"),
        Plant("atelier_image.api.planted", "atelier_image.schemas"),
        Plant("atelier_storage.adapters.planted", "atelier_storage.api.servicer"),
        Plant("atelier_storage.domain.planted", "atelier_storage.api"),
        Plant("atelier_video.main", "atelier_video.worker_main"),
        Plant("atelier_video.in_no_layer", "json"),
    ],
    "Layers of the events service": [
        Plant("atelier_events.feed", "atelier_events.board"),
        Plant("atelier_events.in_no_layer", "json"),
    ],
    "Layers of the gateway's configuration": [
        Plant("atelier_gateway.config", "atelier_gateway.filters"),
        Plant("atelier_gateway.in_no_layer", "json"),
    ],
    "Layers of the job plane": [
        Plant("atelier_jobs.domain.planted", "atelier_jobs.metrics"),
        Plant("atelier_jobs.worker.planted", "atelier_jobs.api"),
        Plant("atelier_jobs.messaging.planted", "atelier_jobs.events.pace"),
        Plant("atelier_jobs.events.planted", "atelier_jobs.sql.planted"),
        Plant("atelier_jobs.in_no_layer", "json"),
    ],
    "Layers of artifacts, models and drawings": [
        Plant("atelier_artifacts.adapters.planted", "atelier_artifacts.worker.asset_files"),
        Plant("atelier_models.worker.planted", "atelier_models.api"),
        Plant("atelier_drawing.settings", "atelier_drawing.worker"),
        Plant("atelier_drawing.in_no_layer", "json"),
    ],
    "Layers of the engine's library": [
        Plant("atelier_diffusion.policy.planted", "atelier_diffusion.weights.hub"),
        Plant("atelier_diffusion.in_no_layer", "json"),
    ],
    "Flat packages have no cycles": [
        Plant("atelier_service.slots", "atelier_service.stream_slots"),
        Plant("atelier_client.errors", "atelier_client.client"),
        Plant("atelier_media.errors", "atelier_media.frame"),
        Plant("atelier_mesh.ports", "atelier_mesh.mesh"),
        Plant("atelier_migrate.settings", "atelier_migrate.main"),
    ],
    "The launcher starts programs and imports none; it checks the gateway's settings before it starts anything": [
        Plant("atelier_mesh.programs", "atelier_image.main"),
        Plant("atelier_mesh.preflight", "atelier_gateway.bootstrap"),
    ],
    "The graph engine is plain Python": [Plant("atelier_graph.planted", "numpy")],
    "Layers of nodes: the host's side and the worker's side meet in the protocol alone": [
        Plant("atelier_nodes.pool.planted", "atelier_nodes.host"),
        Plant("atelier_nodes.packs.planted", "atelier_nodes.builtin"),
        Plant("atelier_nodes.in_no_layer", "json"),
    ],
    "The worker's side of node hosts loads no torch and no node": [
        Plant("atelier_nodes.pool.planted", "atelier_nodes.builtin"),
    ],
    "Only the launcher and the ComfyUI door import the client": [
        Plant("atelier_jobs.api.planted", "atelier_client.client")
    ],
    "Only the auth service implements Envoy's API": [Plant("atelier_service.server", "atelier_envoy_api")],
    "Jobs and artifacts know no engine and no codec": [
        Plant("atelier_jobs.worker.planted", "atelier_diffusion.policy.request"),
        Plant("atelier_artifacts.worker.planted", "atelier_media.frame"),
    ],
    "Frames and clips know no model, no job and no wire": [Plant("atelier_media.picture", "grpc")],
    "The domain knows no wire, no broker, no database, no device and no file of settings": [
        Plant("atelier_auth.domain.planted", "sqlalchemy"),
        Plant("atelier_image.domain.planted", "atelier_diffusion.catalogue.catalogue_file"),
        Plant("atelier_jobs.domain.planted", "atelier_service.settings"),
        Plant("atelier_storage.domain.planted", "minio"),
        Plant("atelier_video.domain.planted", "yaml"),
    ],
    "Domains of services and drawings know no hook of a transaction": [
        Plant("atelier_drawing.domain.planted", "atelier_jobs.domain.outcome"),
        Plant("atelier_image.domain.planted", "atelier_jobs.domain.outcome"),
    ],
    "Workers have no database and no broker, also not indirectly": [
        Plant("atelier_jobs.worker.planted", "atelier_jobs.sql.schema"),
        Plant("atelier_drawing.worker.planted", "nats"),
        Plant("atelier_image.worker_main", "atelier_jobs.plane.relay"),
        Plant("atelier_video.worker_main", "sqlalchemy"),
    ],
    "What ships imports no tests and no tools": [
        Plant("atelier_service.errors", "tests.support"),
        Plant("atelier_image.worker_main", "pytest"),
    ],
    "Nothing imports what is made for tests": [Plant("atelier_image.main", "atelier_jobs.plane.testing.planted")],
    "Only the engine's backend imports torch, and what runs inside a node host": [
        Plant("atelier_diffusion.engine.planted", "torch"),
        Plant("atelier_nodes.packs.planted", "torch"),
        Plant("atelier_drawing.worker.planted", "transformers"),
    ],
    "Only the worker programs import the engine's backend": [
        Plant("atelier_drawing.worker.planted", "atelier_diffusion.torch_backend.device"),
    ],
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> PlantedTree:
    """One copy for all plants: each is taken out again."""
    return PlantedTree(tmp_path_factory.mktemp("tree"))


def packages() -> set[str]:
    """The packages that ship."""
    return {path.parent.name for folder in SHIPPED for path in (ROOT / folder).glob("*/__init__.py")}


def test_every_contract_holds(tree: PlantedTree) -> None:
    assert tree.broken() == set()


@pytest.mark.parametrize(
    ("contract", "plant"), [(name, plant) for name, plants in PLANTS.items() for plant in plants], ids=str
)
def test_a_planted_import_breaks_its_contract_and_no_other(tree: PlantedTree, contract: str, plant: Plant) -> None:
    assert tree.broken_by(plant) == {contract}


def test_every_contract_has_a_plant() -> None:
    assert PLANTS.keys() == CONTRACTS.keys()


def test_every_package_that_ships_is_in_a_layer() -> None:
    (contract,) = (contract for name, contract in CONTRACTS.items() if name.startswith("Packages are layers"))
    layered = [package for layer in contract["layers"] for package in layer.split(" | ")]
    assert sorted(layered) == sorted(packages()) == sorted(LINTER["root_packages"])


def test_every_package_that_is_put_together_of_others_has_layers_or_no_cycles() -> None:
    inside = {
        package
        for contract in CONTRACTS.values()
        if contract.get("exhaustive") or contract["type"] == "acyclic_siblings"
        for package in contract.get("containers") or contract["ancestors"]
    }
    assert inside == packages() - {"atelier", "atelier_envoy_api"}


def test_nothing_that_ships_is_made_for_tests() -> None:
    found: list[Path] = [path for folder in SHIPPED for path in (ROOT / folder).rglob("testing*")]
    assert not found, "helpers of tests are under tests/support"
