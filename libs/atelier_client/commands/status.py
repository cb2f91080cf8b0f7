"""`atelier status`."""

from typing import TYPE_CHECKING

from atelier_client.command import Json
from atelier_client.console import as_dict, pairs, result, result_json, size
from atelier_client.table import clean

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient


async def status(client: "AsyncClient", json: Json = False) -> None:
    """Shows workers, queues, devices, memory and disk."""
    found = await client.status()
    if json:
        result_json(as_dict(found))
        return
    pairs(
        [
            ("version", found.version),
            ("memory", f"{size(found.host_memory_used_bytes)} of {size(found.host_memory_total_bytes)}"),
            ("disk", f"{size(found.disk_used_bytes)} of {size(found.disk_total_bytes)}"),
        ]
    )
    for queue in found.queues:
        wait = f", oldest for {queue.oldest_wait_s:.0f} s" if queue.queued else ""
        result(f"queue {queue.kind}: {queue.queued} waiting{wait}, {queue.running} running")
    for worker in found.workers:
        device = worker.device_name or worker.device
        memory = size(worker.memory_bytes)
        if worker.device_memory_total_bytes:
            memory += f", device {size(worker.device_memory_bytes)} of {size(worker.device_memory_total_bytes)}"
        doing = f"job {worker.job_id}" if worker.job_id else "idle"
        holds = ", ".join(worker.model_ids) or "no model"
        result(clean(f"worker {worker.id}: {worker.kind} on {device}, {memory}, {holds}, {doing}"))
    if not found.workers:
        result("no worker has been heard of")
