"""Jobs and models of all kinds in memory, for `SmallMesh`: the images and videos that it has."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from tests.unit.client.refusal import Context, refuse

from atelier.events.v1 import events_pb2, events_pb2_grpc
from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_service_pb2, job_service_pb2_grpc
from atelier.models.v1 import model_service_pb2, model_service_pb2_grpc
from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2


class Jobs(job_service_pb2_grpc.JobServiceServicer, events_pb2_grpc.JobEventServiceServicer):
    """Two jobs a page; `unreachable` are kinds whose jobs are missing from it."""

    def __init__(self, images: Any, videos: Any) -> None:
        self._images = images
        self._videos = videos
        self.unreachable: list[str] = []

    async def ListJobs(
        self, request: job_service_pb2.ListJobsRequest, context: Context
    ) -> job_service_pb2.ListJobsResponse:
        records = {**self._images.images, **self._videos.videos}
        found = [_job(record) for record in reversed(records.values())]
        found = [job for job in found if not request.kinds or job.kind in request.kinds]
        found = [job for job in found if job.kind not in self.unreachable]
        found = [job for job in found if not request.states or job.state in request.states]
        start = int(request.page_token or 0)
        token = str(start + 2) if start + 2 < len(found) else ""
        return job_service_pb2.ListJobsResponse(
            jobs=found[start : start + 2], next_page_token=token, unreachable=self.unreachable
        )

    async def GetJob(self, request: job_service_pb2.GetJobRequest, context: Context) -> job_service_pb2.Job:
        return _job(await self._found(request.id, context))

    async def CancelJob(self, request: job_service_pb2.CancelJobRequest, context: Context) -> job_service_pb2.Job:
        if isinstance(await self._found(request.id, context), image_pb2.Image):
            return _job(await self._images.CancelImage(image_pb2.CancelImageRequest(id=request.id), context))
        return _job(await self._videos.CancelVideo(video_pb2.CancelVideoRequest(id=request.id), context))

    async def DeleteJob(self, request: job_service_pb2.DeleteJobRequest, context: Context) -> Empty:
        await self._found(request.id, context)
        self._images.images.pop(request.id, None)
        self._videos.videos.pop(request.id, None)
        return Empty()

    async def WatchJob(self, request: events_pb2.WatchJobRequest, context: Context) -> AsyncIterator[events_pb2.Event]:
        asked: Any
        if isinstance(await self._found(request.id, context), image_pb2.Image):
            asked, watch = image_pb2.WatchImageRequest(id=request.id), self._images.WatchImage
        else:
            asked, watch = video_pb2.WatchVideoRequest(id=request.id), self._videos.WatchVideo
        if request.HasField("after_seq"):
            asked.after_seq = request.after_seq
        async for event in watch(asked, context):
            yield event

    async def _found(self, job_id: str, context: Context) -> Any:
        record = self._images.images.get(job_id) or self._videos.videos.get(job_id)
        if record is None:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND", "There is no such job.")
        return record


def _job(record: Any) -> job_service_pb2.Job:
    kind = record.DESCRIPTOR.name.lower()
    return job_service_pb2.Job(
        id=record.id, kind=kind, state=record.state, seq=record.seq, trace_id=record.trace_id,
        create_time=record.create_time, error=record.error if record.HasField("error") else None,
    )  # fmt: skip


class Models(model_service_pb2_grpc.ModelServiceServicer):
    """One model of each kind; `unreachable` are kinds that are missing."""

    def __init__(self) -> None:
        names = {"demo": ("image", "Demo"), "demo-clips": ("video", "Demo of clips")}
        self.models = {
            model_id: model_service_pb2.Model(
                id=model_id, kind=kind, state=type_pb2.UNLOADED, is_default=True, display_name=name
            )
            for model_id, (kind, name) in names.items()
        }
        self.unreachable: list[str] = []

    async def ListModels(
        self, request: model_service_pb2.ListModelsRequest, context: Context
    ) -> model_service_pb2.ListModelsResponse:
        models = [model for model in self.models.values() if request.kind in ("", model.kind)]
        models = [model for model in models if model.kind not in self.unreachable]
        return model_service_pb2.ListModelsResponse(models=models, unreachable=self.unreachable)

    async def GetModel(self, request: model_service_pb2.GetModelRequest, context: Context) -> model_service_pb2.Model:
        return await self._found(request.id, context)

    async def LoadModel(self, request: model_service_pb2.LoadModelRequest, context: Context) -> model_service_pb2.Model:
        model = await self._found(request.id, context)
        model.state = type_pb2.LOADING
        return model

    async def UnloadModel(
        self, request: model_service_pb2.UnloadModelRequest, context: Context
    ) -> model_service_pb2.Model:
        model = await self._found(request.id, context)
        model.state = type_pb2.UNLOADED
        return model

    async def _found(self, model_id: str, context: Context) -> model_service_pb2.Model:
        if model_id not in self.models:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", f"there is no model {model_id!r}")
        return self.models[model_id]
