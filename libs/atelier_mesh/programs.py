"""The programs of a mesh on one machine, with their command lines, environments and readiness checks."""

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

from atelier_mesh.ports import NEXT_WORKER, Ports
from atelier_mesh.program import Program
from atelier_mesh.settings import MeshSettings
from atelier_mesh.state_folder import Secrets

LOOPBACK = "127.0.0.1"
BUCKET = "atelier"
_SCRIPTS = Path(sys.executable).parent
# Stop waves: the gateway and the workers first, so that jobs are released while the services that record it run.
_FIRST, _SERVICES, _LAST = range(3)

_PortPair = tuple[int, int]
"""The ports of gRPC and of metrics."""


def _address(port: int) -> str:
    return f"{LOOPBACK}:{port}"


def _database(state: Path, name: str) -> str:
    return f"sqlite:///{quote(str((state / name).resolve()))}.db"


def nats_program(ports: Ports, state_dir: Path) -> Program:
    """Returns NATS with JetStream, which syncs every message to the disk (by default it would every two minutes)."""
    folder = state_dir / "nats"
    folder.mkdir(parents=True, exist_ok=True)
    # It runs in its folder, so that its configuration contains no path, which would have to be quoted.
    (folder / "nats.conf").write_text(
        f"server_name: atelier\nlisten: {_address(ports.nats)}\nhttp: {_address(ports.nats_monitor)}\n"
        'jetstream { store_dir: ".", sync_interval: always }\n'
    )
    return Program(
        "nats",
        [str(_SCRIPTS / "nats-server"), "-c", "nats.conf"],
        folder=folder,
        ready=f"http:{ports.nats_monitor}/healthz",
        stop_wave=_LAST,
    )


def s3_program(ports: Ports, secrets: Secrets, state_dir: Path) -> Program:
    """Returns SeaweedFS as an S3 server, on loopback, without its user interfaces."""
    folder = state_dir / "s3"
    folder.mkdir(parents=True, exist_ok=True)
    # It runs in its folder: a path of a Unix socket has at most 107 bytes, and a comma in `dir` separates two folders.
    options = {
        "dir": ".", "ip": LOOPBACK, "ip.bind": LOOPBACK, "bucket": BUCKET, "admin.ui": "false", "webdav": "false",
        "admin.port": ports.s3_admin, "admin.port.grpc": ports.s3_admin_grpc,
        "master.port": ports.s3_master, "master.port.grpc": ports.s3_master_grpc,
        "volume.port": ports.s3_volume, "volume.port.grpc": ports.s3_volume_grpc,
        "filer.port": ports.s3_filer, "filer.port.grpc": ports.s3_filer_grpc,
        "s3.port": ports.s3, "s3.port.grpc": ports.s3_grpc, "s3.port.iceberg": 0, "s3.port.lance": 0,
        "filer.localSocket": "filer.sock", "s3.localSocket": "s3.sock",
        "s3.allowDeleteBucketNotEmpty": "false", "master.telemetry": "false", "s3.iam": "false",
    }  # fmt: skip
    return Program(
        "s3",
        [str(_SCRIPTS / "weed"), "mini", *(f"-{name}={value}" for name, value in options.items())],
        ready=f"http:{ports.s3}/healthz",
        stop_wave=_LAST,
        folder=folder,
        environment={"AWS_ACCESS_KEY_ID": secrets.s3_access_key, "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key},
    )


def gateway_program(settings: MeshSettings, ports: Ports) -> Program:
    """Returns Envoy, whose bootstrap is rendered into the state folder at every start."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    variables = {
        "LISTEN": f"{host}:{ports.gateway}",
        "INTERNAL_LISTEN": _address(ports.gateway_metrics),
        "ADMIN_PORT": str(ports.gateway_admin),
        "AUTH_ADDRESS": _address(ports.auth),
        "STORAGE_ADDRESS": _address(ports.storage),
        "IMAGE_ADDRESS": _address(ports.image),
        "VIDEO_ADDRESS": _address(ports.video),
        "WORKFLOW_ADDRESS": _address(ports.workflow),
        "EVENTS_ADDRESS": _address(ports.events),
        "WEBSOCKET_ADDRESS": _address(ports.websocket),
        "OTLP_ENDPOINT": settings.otlp_endpoint,
        "ACCESS_LOG": str((settings.state_dir / "logs" / "access.jsonl").resolve()),
        "CORS_ORIGINS": ",".join(settings.cors_origins),
        "REQUESTS_PER_S": str(settings.requests_per_s),
        "REQUEST_BURST": str(settings.request_burst),
    }
    bootstrap = (settings.state_dir / "gateway" / "envoy.json").resolve()
    return Program(
        "gateway",
        [str(_SCRIPTS / "atelier-gateway"), "run", "--bootstrap", str(bootstrap)],
        ready=f"http:{ports.gateway_admin}/ready",
        settings="atelier_gateway.settings:GatewaySettings",
        environment={f"ATELIER_GATEWAY_{name}": value for name, value in variables.items()},
    )


def migrate_program(settings: MeshSettings) -> Program:
    """Returns the upgrade of all database schemas, which ends before the services are started."""
    return Program(
        "atelier-migrate",
        [str(_SCRIPTS / "atelier-migrate")],
        settings="atelier_migrate.settings:MigrateSettings",
        environment={
            f"ATELIER_{name.upper()}_DATABASE_URL": _database(settings.state_dir, name)
            for name in ("auth", "storage", "image", "video", "workflow")
        },
    )


def service_programs(settings: MeshSettings, ports: Ports, secrets: Secrets) -> list[Program]:
    """Returns Atelier's own programs except the gateway."""
    state = settings.state_dir
    shared = {
        "ATELIER_AUTH_ADDRESS": _address(ports.auth),
        "ATELIER_STORAGE_ADDRESS": _address(ports.storage),
        "ATELIER_LOG_LEVEL": settings.log_level,
        "ATELIER_OTLP_ENDPOINT": settings.otlp_endpoint,
    }
    of_services = {
        "ATELIER_NATS_URL": f"nats://{_address(ports.nats)}",
        "ATELIER_SERVICE_SECRET": secrets.service_secret,
    }

    def program(name: str, settings_class: str, at: _PortPair, stops: int = _SERVICES, **own: str) -> Program:
        port, metrics = at
        where = {"ATELIER_LISTEN": _address(port), "ATELIER_METRICS_PORT": str(metrics)}
        script = name.rstrip("-0123456789")  # the second worker is the same program as the first
        environment = {**shared, **(of_services if stops == _SERVICES else {}), **where, **own}
        return Program(
            name, [str(_SCRIPTS / script)], f"grpc:{port}", stops, settings=settings_class, environment=environment
        )

    models = os.pathsep.join(map(str, (settings.project_dir / "models" / "catalogue.yaml", state / "models.yaml")))

    job_services = {
        "image": _address(ports.image),
        "video": _address(ports.video),
        "workflow": _address(ports.workflow),
    }

    def peers_of(kind: str) -> str:
        return ",".join(f"{peer}={address}" for peer, address in job_services.items() if peer != kind)

    def maker(kind: str, api: _PortPair, first_worker: _PortPair, workers: int) -> list[Program]:
        """Returns the API of one kind of job, and its workers, which have its address and a secret of their own."""
        settings_class = f"atelier_{kind}.settings:{kind.title()}"
        found = [
            program(
                f"atelier-{kind}", f"{settings_class}Settings", api,
                ATELIER_DATABASE_URL=_database(state, kind), ATELIER_MODELS=models, ATELIER_JOB_PEERS=peers_of(kind),
            )
        ]  # fmt: skip
        of_workers = {
            "ATELIER_PLANE_ADDRESS": _address(api[0]),
            "ATELIER_SERVICE_SECRET": secrets.worker_secrets[f"atelier-{kind}-worker"],
            "ATELIER_MODELS": models,
            "ATELIER_MODEL_INDEX": str((state / "model-index.json").resolve()),
            "ATELIER_SCRATCH_DIR": str((state / "scratch").resolve()),
            "ATELIER_JOB_GRACE_S": "2",
        }
        for k in range(workers):
            name = f"atelier-{kind}-worker" + (f"-{k + 1}" if k else "")
            at = (first_worker[0] + NEXT_WORKER * k, first_worker[1] + NEXT_WORKER * k)
            found.append(program(name, f"{settings_class}WorkerSettings", at, _FIRST, **of_workers))
        return found

    return [
        program(
            "atelier-auth", "atelier_auth.settings:AuthSettings", (ports.auth, ports.auth_metrics),
            ATELIER_DATABASE_URL=_database(state, "auth"), ATELIER_BOOTSTRAP_API_KEY=secrets.api_key,
            ATELIER_SERVICE_SECRETS=json.dumps(secrets.worker_secrets),
        ),
        program(
            "atelier-storage", "atelier_storage.settings:StorageSettings", (ports.storage, ports.storage_metrics),
            ATELIER_DATABASE_URL=_database(state, "storage"),
            ATELIER_S3_ENDPOINT=_address(ports.s3), ATELIER_S3_BUCKET=BUCKET,
            ATELIER_S3_ACCESS_KEY=secrets.s3_access_key, ATELIER_S3_SECRET_KEY=secrets.s3_secret_key,
            ATELIER_SPOOL_DIR=str((state / "spool").resolve()),
        ),
        program(
            "atelier-events", "atelier_events.settings:EventsSettings", (ports.events, ports.events_metrics),
            ATELIER_WEBSOCKET_LISTEN=_address(ports.websocket), ATELIER_STATE_DIR=str(state.resolve()),
        ),
        *maker(
            "image", (ports.image, ports.image_metrics), (ports.image_worker, ports.image_worker_metrics),
            settings.image_workers,
        ),
        *maker(
            "video", (ports.video, ports.video_metrics), (ports.video_worker, ports.video_worker_metrics),
            settings.video_workers,
        ),
        program(
            "atelier-workflow", "atelier_workflow.settings:WorkflowSettings", (ports.workflow, ports.workflow_metrics),
            ATELIER_DATABASE_URL=_database(state, "workflow"), ATELIER_JOB_PEERS=peers_of("workflow"),
        ),
        program(
            "atelier-workflow-worker", "atelier_workflow.settings:WorkflowWorkerSettings",
            (ports.workflow_worker, ports.workflow_worker_metrics), _FIRST,
            ATELIER_PLANE_ADDRESS=_address(ports.workflow), ATELIER_IMAGE_ADDRESS=_address(ports.image),
            ATELIER_VIDEO_ADDRESS=_address(ports.video), ATELIER_MODELS=models, ATELIER_JOB_GRACE_S="2",
            ATELIER_SERVICE_SECRET=secrets.worker_secrets["atelier-workflow-worker"],
            ATELIER_WORK_DIR=str((state / "workflows").resolve()),
        ),
    ]  # fmt: skip


def all_programs(settings: MeshSettings, ports: Ports, secrets: Secrets) -> list[Program]:
    """Returns all programs in the order of their start; none requires that another is ready."""
    return [
        nats_program(ports, settings.state_dir),
        s3_program(ports, secrets, settings.state_dir),
        *service_programs(settings, ports, secrets),
        gateway_program(settings, ports),
    ]
