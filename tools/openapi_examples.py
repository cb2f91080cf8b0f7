"""Examples of requests and of answers; those of answers are written short, and printed as the gateway prints them."""

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_ASSET_ID = "01a22378-e495-7e5c-94ad-4ee3a8510539"
_QUEUED = {"state": "QUEUED", "progress": {}, "outputs": [], "attempt": 0, "seq": 1, "model_revision": ""}
"""What is different in the record of a job that has just been accepted."""
_RED_CIRCLE = {"prompt": "a red circle on a blue background"}
_RED_BALL = {"prompt": "a red ball moving right"}
_GREEN_SQUARE = {
    "prompt": "a green square on a white background",
    "width_px": 64, "height_px": 64, "steps": 20, "guidance_scale": 4, "seed": 7,
    "scheduler": "DDIM", "count": 2, "output_format": "PNG", "metadata": {"project": "readme"},
}  # fmt: skip
_BLUE_TRIANGLE = {
    "prompt": "a blue triangle moving up on a white background",
    "width_px": 128, "height_px": 128, "frames": 16, "frame_rate_hz": 8, "steps": 10, "guidance_scale": 2,
    "seed": 7, "scheduler": "DDIM", "container": "WEBM", "metadata": {"project": "readme"},
}  # fmt: skip
REQUESTS: dict[str, dict[str, Any]] = {
    "GenerateImage": {
        "shortest": {"value": _RED_CIRCLE},
        "reproducible": {"value": _GREEN_SQUARE},
        "from a picture": {"value": {**_RED_CIRCLE, "init_image_asset_id": _ASSET_ID, "denoise": 0.6, "seed": 1}},
    },
    "UpdateImage": {"parameters": {"value": _GREEN_SQUARE}},
    "GenerateVideo": {"shortest": {"value": _RED_BALL}, "reproducible": {"value": _BLUE_TRIANGLE}},
    "CreateApiKey": {"key": {"value": {"display_name": "laptop", "expires_in_s": 2592000}}},
}
"""Examples of bodies, by the RPC."""

_IMAGE_ID = "01a2237c-1d84-7eb8-8a51-d5c1aabdd7ab"
_VIDEO_ID = "01a2237c-1f60-79ec-bdd0-bbe85abc1d4a"
_TRACE_ID = "43ccc9c22ae240e19f1f155d30df7a55"
_SHA256 = "2c3aa35768ba5007e50fb5f77138effb6f5bd55fb7dea32661c7df2dc659256e"
_TIMES = {
    "create_time": "2026-01-01T12:00:00.149Z",
    "start_time": "2026-01-01T12:00:00.168Z",
    "finish_time": "2026-01-01T12:00:02.519Z",
}
_IMAGE_PATH = f"/api/v1/images/{_IMAGE_ID}"
_VIDEO_PATH = f"/api/v1/videos/{_VIDEO_ID}"


def _links(path: str, *names: str) -> dict[str, str]:
    return {"self": path, **{name: f"{path}/{name}" for name in names}}


_IMAGE = {
    "id": _IMAGE_ID, "state": "SUCCEEDED", "revision": 1,
    "parameters": {
        **_RED_CIRCLE, "model": "demo-image", "width_px": 256, "height_px": 256, "steps": 12, "guidance_scale": 2.5,
        "seed": 1, "scheduler": "DDIM", "count": 1, "output_format": "PNG", "denoise": 1, "start_step": 0,
        "end_step": 12, "add_noise": True, "keep_noise": True, "outputs": ["PICTURE"],
    },
    "model_revision": "2136f1571ced1423",
    "progress": {"step": 12, "steps": 12, "fraction": 1},
    "outputs": [{
        "seed": 1, "kind": "PICTURE", "asset_id": _ASSET_ID, "content_type": "image/png", "width_px": 256,
        "height_px": 256, "size_bytes": "34081", "sha256": _SHA256, "content_url": f"{_IMAGE_PATH}/content?index=0",
    }],
    "attempt": 1, "seq": 3, "trace_id": _TRACE_ID, **_TIMES,
    "links": _links(_IMAGE_PATH, "events", "content", "cancel"),
}  # fmt: skip
_VIDEO = {
    "id": _VIDEO_ID, "state": "SUCCEEDED", "revision": 1,
    "parameters": {
        **_RED_BALL, "model": "demo-video", "width_px": 128, "height_px": 128, "frames": 16, "frame_rate_hz": 8,
        "steps": 10, "guidance_scale": 2, "seed": 1, "scheduler": "DDIM", "container": "MP4",
    },
    "model_revision": "4eb9d8c26241cd67",
    "progress": {"step": 10, "steps": 10, "fraction": 1, "frame": 16, "frames": 16},
    "outputs": [{
        "role": "CLIP", "asset_id": _ASSET_ID, "content_type": "video/mp4", "width_px": 128, "height_px": 128,
        "size_bytes": "16623", "sha256": _SHA256, "content_url": f"{_VIDEO_PATH}/content",
        "frame_count": 16, "duration_s": 2,
    }],
    "attempt": 1, "seq": 3, "trace_id": _TRACE_ID, **_TIMES,
    "links": _links(_VIDEO_PATH, "events", "content", "frames", "cancel"),
}  # fmt: skip
_PROGRESS = {
    "fraction": 1, "stage": "denoising", "done": 12, "total": 12, "unit": "step",
    "detail": {"@type": "type.googleapis.com/atelier.image.v1.ImageProgress", "step": 12, "steps": 12, "fraction": 1},
}  # fmt: skip
_JOB = {
    "id": _IMAGE_ID, "kind": "image", "state": "SUCCEEDED", "revision": 1, "progress": _PROGRESS,
    "attempt": 1, "seq": 3, "trace_id": _TRACE_ID, **_TIMES, "links": _links(_IMAGE_PATH, "events", "cancel"),
    "priority": "NORMAL", "labels": {"project": "readme"},
}  # fmt: skip
_MODEL_FIELDS = {"state": "READY", "memory_bytes": "23466460", "size_multiple_px": 32, "is_default": True}
_MODEL = {
    **_MODEL_FIELDS, "id": "demo-image", "display_name": "Atelier demo", "revision": "2136f1571ced1423",
    "max_size_px": 512,
    "defaults": {
        "model": "demo-image", "width_px": 256, "height_px": 256, "steps": 12, "guidance_scale": 2.5,
        "scheduler": "DDIM", "count": 1, "output_format": "PNG",
    },
    "latents": {"family": "kl-12x16-1", "channels": 12, "cell_px": 16, "scale": 1},
}  # fmt: skip
_VIDEO_MODEL = {
    **_MODEL_FIELDS, "id": "demo-video", "display_name": "Atelier demo video", "revision": "4eb9d8c26241cd67",
    "max_size_px": 128, "max_frames": 16,
    "defaults": {
        "model": "demo-video", "width_px": 128, "height_px": 128, "frames": 16, "frame_rate_hz": 8, "steps": 10,
        "guidance_scale": 2, "scheduler": "DDIM", "container": "MP4",
    },
}  # fmt: skip
_ASSET = {
    "id": _ASSET_ID, "filename": "circle.png", "content_type": "image/png", "size_bytes": "34081", "sha256": _SHA256,
    "width_px": 256, "height_px": 256, "source": "UPLOAD", "create_time": _TIMES["create_time"],
    "content_url": f"/api/v1/assets/{_ASSET_ID}/content",
}  # fmt: skip
_KEY = {
    "id": "otpet1clcypc", "display_name": "laptop", "prefix": "atl_otpet1clcypc", "user_id": "ada",
    "create_time": _TIMES["create_time"], "expire_time": "2026-01-31T12:00:00Z",
}  # fmt: skip
_FRAME = {"width_px": 128, "height_px": 128, "content_url": f"{_VIDEO_PATH}/frames/0"}
_STATUS = {
    "version": "0.1.0",
    "workers": [{
        "id": "host-1432", "kind": "image", "device": "cpu", "device_name": "CPU, 2 threads",
        "model_ids": ["demo-image"], "memory_bytes": "597876736", "time": _TIMES["create_time"],
    }],
    "queues": [{"kind": "image", "queued": 2, "running": 1, "oldest_wait_s": 1.5, "time": _TIMES["create_time"]}],
    "host_memory_used_bytes": "1863036928", "host_memory_total_bytes": "25276063744",
    "disk_used_bytes": "28619972608", "disk_total_bytes": "270553174016",
}  # fmt: skip
_EVENT = {
    "type": "generation.progress", "cursor": "7", "job_id": _IMAGE_ID, "seq": 3, "time": _TIMES["finish_time"],
    "trace_id": _TRACE_ID,
    "generation_progress": {
        "kind": "image", "revision": 1, "state": "SUCCEEDED", "attempt": 1, "terminal": True,
        "progress": _PROGRESS,
        "content_urls": [f"{_IMAGE_PATH}/content?index=0"],
    },
}  # fmt: skip
_JWK = {
    "kty": "OKP", "crv": "Ed25519", "x": "VQPEjfu4GLqcIoGLZWvyKmN_-wb-3nKJR7ufePy7Lv4",
    "kid": "HFc5V6-lv1zJcdv0cjvo0CTQMSP9EQN82NT88Bx-y4A", "alg": "EdDSA", "use": "sig",
}  # fmt: skip
_WORKFLOW_ID, _EXECUTION_ID = "01a2237c-2d2b-7a51-9c0c-7c1f0d7f5a11", "01a2237c-2e90-7d0c-8b8e-0f2a4f3f9f7e"
_EXECUTION_PATH = f"/api/v1/executions/{_EXECUTION_ID}"
_WORKFLOW_PATH = f"/api/v1/workflows/{_WORKFLOW_ID}"
_GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "blue"}},
}
_DEFINITION = {
    "name": "a square", "description": "One colour.", "graph": json.dumps(_GRAPH),
    "inputs": [{
        "name": "color", "type": "INT", "targets": [{"node_id": "1", "input": "color"}], "default": "255",
        "minimum": 0, "maximum": 16777215,
    }],
    "outputs": [{"name": "square", "node_id": "2"}],
}  # fmt: skip
_WORKFLOW = {
    "id": _WORKFLOW_ID, "version": 2, "latest_version": 2, "etag": '"2"', "definition": _DEFINITION, "node_count": 2,
    "create_time": _TIMES["create_time"], "update_time": _TIMES["finish_time"],
    "links": _links(_WORKFLOW_PATH, "execute"),
}  # fmt: skip
_LISTED_WORKFLOW = {**_WORKFLOW, "definition": {name: _DEFINITION[name] for name in ("name", "description")}}
_EXECUTION = {
    "id": _EXECUTION_ID, "state": "SUCCEEDED", "workflow_id": _WORKFLOW_ID, "version": 2, "inputs": '{"color": 255}',
    "progress": {
        "nodes_done": 2, "nodes_total": 2, "fraction": 1, "event": "NODE_FINISHED", "node_id": "2",
        "class_type": "SaveImage",
    },
    "outputs": [{
        "name": "square", "node_id": "2", "field": "images", "asset_id": _ASSET_ID, "content_type": "image/png",
        "filename": "blue_00001_.png", "width_px": 64, "height_px": 64, "size_bytes": "197", "sha256": _SHA256,
        "content_url": f"/api/v1/assets/{_ASSET_ID}/content",
    }],
    "attempt": 1, "seq": 3, "trace_id": _TRACE_ID, **_TIMES,
    "links": _links(_EXECUTION_PATH, "events", "cancel"),
}  # fmt: skip
_NODE = {
    "class_type": "EmptyImage", "display_name": "EmptyImage", "category": "image", "pack": "nodes",
    "inputs": [{"name": "width", "type": "INT", "required": True, "options": '{"default": 512, "min": 1}'}],
    "outputs": [{"name": "IMAGE", "type": "IMAGE"}],
}  # fmt: skip
_ANSWERS: dict[str, dict[str, Any]] = {
    "atelier.auth.v1.CreateApiKeyResponse": {"key": _KEY, "api_key": "atl_otpet1clcypc_cn14bIA1…"},
    "atelier.auth.v1.CreateSignedUrlsResponse": {
        "urls": [f"{_IMAGE_PATH}/content?sig=eyJ0eXAi…"],
        "expire_time": "2026-01-01T12:15:00Z",
    },
    "atelier.auth.v1.CreateTokenResponse": {"access_token": "eyJ0eXAi…", "token_type": "Bearer", "expires_in_s": 300},
    "atelier.auth.v1.GetJwksResponse": {"keys": [_JWK]},
    "atelier.auth.v1.ListApiKeysResponse": {"keys": [_KEY]},
    "atelier.events.v1.Event": _EVENT,
    "atelier.events.v1.GetSystemStatusResponse": _STATUS,
    "atelier.image.v1.Image": _IMAGE,
    "atelier.image.v1.ListImagesResponse": {"images": [_IMAGE]},
    "atelier.jobs.v1.Job": _JOB,
    "atelier.jobs.v1.ListJobsResponse": {"jobs": [_JOB], "next_page_token": "WyIwMWEy…", "unreachable": ["video"]},
    "atelier.models.v1.ListModelsResponse": {"models": [_MODEL | {"kind": "image"}], "unreachable": ["video"]},
    "atelier.models.v1.Model": _MODEL | {"kind": "image"},
    "atelier.storage.v1.Asset": _ASSET,
    "atelier.storage.v1.ListAssetsResponse": {"assets": [_ASSET]},
    "atelier.video.v1.ListVideoFramesResponse": {"frames": [_FRAME], "frame_count": 16},
    "atelier.video.v1.ListVideoModelsResponse": {"models": [_VIDEO_MODEL]},
    "atelier.video.v1.ListVideosResponse": {"videos": [_VIDEO]},
    "atelier.video.v1.Video": _VIDEO,
    "atelier.video.v1.VideoModel": _VIDEO_MODEL,
    "atelier.workflow.v1.Execution": _EXECUTION,
    "atelier.workflow.v1.ListExecutionsResponse": {"executions": [_EXECUTION]},
    "atelier.workflow.v1.ListNodesResponse": {
        "nodes": [{name: value for name, value in _NODE.items() if name not in ("inputs", "outputs")}]
    },
    "atelier.workflow.v1.ListWorkflowTemplatesResponse": {"workflows": [_LISTED_WORKFLOW | {"published": True}]},
    "atelier.workflow.v1.ListWorkflowsResponse": {"workflows": [_LISTED_WORKFLOW]},
    "atelier.workflow.v1.Node": _NODE,
    "atelier.workflow.v1.Workflow": _WORKFLOW,
}


def _error(code: int, reason: str, message: str, *more: dict[str, Any]) -> dict[str, Any]:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "atelier", "metadata": {}}
    return {"code": code, "message": message, "details": [info, *more]}


_BOUNDS = "must be greater than or equal to 1 and less than or equal to 200"
_BAD_STEPS = {
    "@type": "type.googleapis.com/google.rpc.BadRequest",
    "field_violations": [{"field": "steps", "description": _BOUNDS}],
}
_RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "5s"}
ERRORS: dict[str, Any] = {
    "400": _error(3, "INVALID_FIELD", f"steps: {_BOUNDS}", _BAD_STEPS),
    "401": _error(16, "TOKEN_EXPIRED", "the token has expired"),
    "403": _error(7, "ADMIN_ONLY", "only administrators load and unload models"),
    "404": _error(5, "IMAGE_NOT_FOUND", "there is no such image"),
    "412": _error(9, "VERSION_CONFLICT", "version 3 is the newest: read it, and send the change again"),
    "409": _error(6, "IDEMPOTENCY_KEY_REUSED", "this key was used before, for another request"),
    "429": _error(8, "QUEUE_FULL", "too many images wait", _RETRY),
    "503": _error(14, "UNAVAILABLE", "the service is unavailable; try again"),
}
"""Examples of errors, by the HTTP status."""


class Examples:
    """Prints the examples of answers by the contract, so that each holds every field that is always there."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self._pool = DescriptorPool()
        for file in files.file:
            self._pool.Add(file)

    def of(self, full_name: str, *, is_accepted: bool = False) -> dict[str, Any] | None:
        """An example of a message as JSON; None where there is none. `is_accepted` for a job that waits."""
        if full_name not in _ANSWERS:
            return None
        written = _ANSWERS[full_name]
        if is_accepted and "start_time" in written:
            written = {name: value for name, value in written.items() if name not in ("start_time", "finish_time")}
            fields = self._pool.FindMessageTypeByName(full_name).fields_by_name
            written |= {name: value for name, value in _QUEUED.items() if name in fields}
        message = GetMessageClass(self._pool.FindMessageTypeByName(full_name))()
        json_format.ParseDict(written, message, descriptor_pool=self._pool)
        printed: dict[str, Any] = json_format.MessageToDict(
            message,
            always_print_fields_with_no_presence=True,
            preserving_proto_field_name=True,
            descriptor_pool=self._pool,
        )
        return printed


def as_server_sent(example: dict[str, Any]) -> str:
    """An example of an event, as server-sent events have it."""
    return f"data: {json.dumps(example, separators=(',', ':'))}\n\n"
