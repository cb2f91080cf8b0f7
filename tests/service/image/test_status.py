"""What workers and queues say of themselves on the bus."""

from pathlib import Path

from atelier.events.v1 import events_pb2
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, Message
from tests.service.image.image_mesh import SMALL, ImageMesh, image_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server


async def test_a_worker_reports_its_models_and_its_job(idle_mesh: ImageMesh, nats_server: NatsServer) -> None:
    ada = await idle_mesh.owner()
    image = await ada.generate(**SMALL)
    async with Bus.open(nats_server.url, name="test") as bus:
        await bus.connection_after(0)
        async with bus.subscribe(subjects.worker_heartbeat("worker-1")) as beats:
            await idle_mesh.worker.start()
            said: list[events_pb2.WorkerStatus] = []
            async for message in beats:
                report = events_pb2.WorkerReport.FromString(message.data)
                assert report.job_owner == ("ada" if report.status.job_id else "")
                said.append(report.status)
                if said[-1].model_ids and not said[-1].job_id and any(status.job_id for status in said):
                    break
    assert {status.job_id for status in said} == {"", image.id}
    last = said[-1]
    assert (last.id, last.kind, last.device, list(last.model_ids)) == ("worker-1", "image", "cpu", ["demo-image"])
    assert last.memory_bytes > 50_000_000
    assert last.device_name
    assert last.time.seconds


async def test_all_users_receive_events_of_models(idle_mesh: ImageMesh, nats_server: NatsServer) -> None:
    async with Bus.open(nats_server.url, name="test") as bus:
        await bus.connection_after(0)
        async with bus.subscribe(subjects.event(subjects.EVERYBODY, "model.status", "demo-image")) as news:
            await idle_mesh.worker.start()
            told = [events_pb2.Event.FromString((await heard(news.next)).data) for _ in range(2)]
    assert [event.type for event in told] == ["model.status"] * 2
    assert [event.model_status.state for event in told] == ["LOADING", "READY"]
    assert told[1].model_status.memory_bytes > 1_000_000
    assert told[1].model_status.worker_id == "worker-1"


async def heard(next_message) -> Message:  # type: ignore[no-untyped-def]
    while True:
        message = await next_message(30)
        if message is not None:
            return message  # type: ignore[no-any-return]


async def test_the_queue_is_counted(s3_server: S3Server, nats_server: NatsServer, tmp_path: Path) -> None:
    async with (
        image_mesh(s3_server, nats_server, tmp_path, api_settings={"queue_status_s": 0.1}) as mesh,
        Bus.open(nats_server.url, name="test") as bus,
    ):
        ada = await mesh.owner()
        await ada.generate(**SMALL)
        async with bus.subscribe(subjects.queue_status("image")) as counts:
            async for message in counts:
                status = events_pb2.QueueStatus.FromString(message.data)
                if status.queued:
                    break
    assert (status.kind, status.queued, status.running) == ("image", 1, 0)
    assert status.time.seconds


async def test_the_failure_of_an_image_is_sent_to_its_owner(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path
) -> None:
    async with (
        image_mesh(s3_server, nats_server, tmp_path, worker_settings={"memory_budget_bytes": 1000}) as mesh,
        Bus.open(nats_server.url, name="test") as bus,
    ):
        await bus.connection_after(0)
        ada = await mesh.owner()
        image = await ada.generate(**SMALL)
        async with bus.subscribe(subjects.event("ada", "error.notification", image.id)) as errors:
            await mesh.worker.start()
            event = events_pb2.Event.FromString((await heard(errors.next)).data)
    assert (event.type, event.job_id, event.trace_id) == ("error.notification", image.id, image.trace_id)
    assert event.error_notification.error.reason == "MODEL_TOO_LARGE"
