"""Mesh jobs: calls of an execution's nodes become jobs and assets of its owner."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import grpc.aio
from google.protobuf import json_format
from google.protobuf.message import Message

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_artifacts.adapters.storage import Upload
from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt, InfrastructureFault, JobFault
from atelier_nodes.mesh import ClipAnswer, ClipCall, ImageAnswer, ImageCall, MeshError, ModelInfo, OnMeshProgress
from atelier_service.telemetry import tracer
from atelier_workflow.worker.child_jobs import ChildJobs, JobCalls
from atelier_workflow.worker.storage_allowance import StorageAllowance


class MeshChannels:
    """The services that nodes call, for all executions of a worker."""

    def __init__(self, image: grpc.aio.Channel, video: grpc.aio.Channel) -> None:
        images: Any = image_pb2_grpc.ImageServiceStub(image)
        videos: Any = video_pb2_grpc.VideoServiceStub(video)
        self.images = JobCalls(
            kind="image",
            submit=images.GenerateImage,
            get=lambda job_id, **more: images.GetImage(image_pb2.GetImageRequest(id=job_id), **more),
            watch=lambda job_id, **more: images.WatchImage(image_pb2.WatchImageRequest(id=job_id), **more),
            cancel=lambda job_id, **more: images.CancelImage(image_pb2.CancelImageRequest(id=job_id), **more),
        )
        self.videos = JobCalls(
            kind="video",
            submit=videos.GenerateVideo,
            get=lambda job_id, **more: videos.GetVideo(video_pb2.GetVideoRequest(id=job_id), **more),
            watch=lambda job_id, **more: videos.WatchVideo(video_pb2.WatchVideoRequest(id=job_id), **more),
            cancel=lambda job_id, **more: videos.CancelVideo(video_pb2.CancelVideoRequest(id=job_id), **more),
        )


class MeshJobs:
    """A MeshCalls for one attempt of an execution, as its owner."""

    def __init__(
        self,
        job: Job,
        attempt: Attempt,
        channels: MeshChannels,
        files: AssetFiles,
        models: Sequence[ModelInfo],
        *,
        patience_s: float,
    ) -> None:
        """
        Args:
            job: The execution.
            attempt: Its attempt, with the job token.
            channels: The services that nodes call.
            files: Stores and reads assets.
            models: The models of the mesh, as in the worker's catalogues at its start.
            patience_s: Seconds for which calls are retried while a service is unavailable.
        """
        self._job = job
        self._attempt = attempt
        self._channels = channels
        self._files = files
        self._models = models
        self._children = ChildJobs(attempt, patience_s=patience_s)
        self._storage_outage = False
        self._allowance = StorageAllowance()

    @property
    def outage(self) -> bool:
        """True when a call was given up because a service was unavailable for too long."""
        return self._children.outage or self._storage_outage

    async def cancel_open(self) -> None:
        """See ChildJobs.cancel_open."""
        await self._children.cancel_open()

    async def generate_image(self, call: ImageCall, on_progress: OnMeshProgress) -> ImageAnswer:
        """See MeshCalls.generate_image."""
        request = image_pb2.GenerateImageRequest(
            parameters=_read(call.parameters, image_pb2.GenerationParameters()),
            request_id=self._key(call.node_id, call.parameters),
            parent_id=self._job.id,
        )
        with self._node_span(call.node_id):
            image = await self._children.run(self._channels.images, request, on_progress)
        in_order = sorted(image.outputs, key=lambda output: output.index)
        latents = tuple(output.asset_id for output in in_order if output.kind == image_pb2.LATENT)
        pictures = tuple(output.asset_id for output in in_order if output.kind != image_pb2.LATENT)
        return ImageAnswer(image.id, pictures, latents, image.cached)

    async def generate_clip(self, call: ClipCall, on_progress: OnMeshProgress) -> ClipAnswer:
        """See MeshCalls.generate_clip."""
        request = video_pb2.GenerateVideoRequest(
            parameters=_read(call.parameters, video_pb2.VideoParameters()),
            request_id=self._key(call.node_id, call.parameters),
            parent_id=self._job.id,
        )
        with self._node_span(call.node_id):
            video = await self._children.run(self._channels.videos, request, on_progress)
        clips = tuple(output.asset_id for output in video.outputs if output.role == video_pb2.CLIP)
        return ClipAnswer(video.id, clips, video.cached)

    async def read_asset(self, asset_id: str) -> bytes:
        """See MeshCalls.read_asset."""
        try:
            return await self._files.read(self._job, self._attempt, asset_id)
        except (JobFault, InfrastructureFault) as fault:
            raise self._refused(fault) from fault

    async def store_asset(self, data: bytes, content_type: str, filename: str) -> str:
        """See MeshCalls.store_asset.

        Equal content is one asset in all attempts of the execution: idempotency keys of jobs contain its id.
        """
        self._allowance.take(len(data))
        digest = hashlib.sha256(data).hexdigest()
        upload = Upload(
            job_id=self._job.id,
            epoch=self._attempt.epoch,
            write_once_key=f"{self._job.kind}/{self._job.id}/shared/{digest}",
            filename=filename,
            content_type=content_type,
            content=data,
        )
        try:
            asset = await self._files.upload(self._job, self._attempt, upload)
        except (JobFault, InfrastructureFault) as fault:
            raise self._refused(fault) from fault
        return asset.id

    async def models(self) -> Sequence[ModelInfo]:
        """See MeshCalls.models."""
        return self._models

    def _refused(self, fault: JobFault | InfrastructureFault) -> MeshError:
        if isinstance(fault, JobFault):
            return MeshError(fault.reason, fault.message)
        self._storage_outage = True
        return MeshError("STORAGE_UNAVAILABLE", "storage was unavailable for too long")

    def _key(self, node_id: str, parameters: Mapping[str, Any]) -> str:
        """The idempotency key: equal for the same node with the same parameters, in every attempt."""
        text = json.dumps([self._job.id, node_id, parameters], sort_keys=True, separators=(",", ":"))
        return f"workflow-{hashlib.sha256(text.encode()).hexdigest()}"

    def _node_span(self, node_id: str) -> Any:
        return tracer().start_as_current_span(
            "workflow.node", context=self._attempt.span_context, attributes={"workflow.node_id": node_id}
        )


def _read(parameters: Mapping[str, Any], into: Any) -> Any:
    message: Message = into
    try:
        return json_format.ParseDict(dict(parameters), message)
    except json_format.ParseError as error:
        raise MeshError("INVALID_PARAMETERS", str(error)) from error
