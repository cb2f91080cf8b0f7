"""Types of values that nodes pass to each other."""

from collections.abc import Callable
from typing import Any

import torch

from atelier_nodes.builtin.video_values import VideoValue
from comfy_api.input.basic_types import AudioInput, LatentInput
from comfy_api.latest.io.inputs import socket_type

Tensor = torch.Tensor

AnyType = socket_type("*")
Image = socket_type("IMAGE", Tensor)
Mask = socket_type("MASK", Tensor)
Latent = socket_type("LATENT", LatentInput, LatentDict=LatentInput)
Conditioning = socket_type("CONDITIONING", list[tuple[Tensor, dict[str, Any]]])
Sampler = socket_type("SAMPLER")
Sigmas = socket_type("SIGMAS", Tensor)
Noise = socket_type("NOISE", Tensor)
Guider = socket_type("GUIDER")
Model = socket_type("MODEL")
Clip = socket_type("CLIP")
Vae = socket_type("VAE")
ClipVision = socket_type("CLIP_VISION")
ClipVisionOutput = socket_type("CLIP_VISION_OUTPUT")
ControlNet = socket_type("CONTROL_NET")
StyleModel = socket_type("STYLE_MODEL")
Gligen = socket_type("GLIGEN")
UpscaleModel = socket_type("UPSCALE_MODEL")
LatentUpscaleModel = socket_type("LATENT_UPSCALE_MODEL")
ModelPatch = socket_type("MODEL_PATCH")
LoraModel = socket_type("LORA_MODEL", dict[str, Tensor])
LossMap = socket_type("LOSS_MAP", dict[str, list[Tensor]])
Audio = socket_type("AUDIO", AudioInput, AudioDict=AudioInput)
AudioEncoder = socket_type("AUDIO_ENCODER")
AudioEncoderOutput = socket_type("AUDIO_ENCODER_OUTPUT")
Video = socket_type("VIDEO", VideoValue)
SVG = socket_type("SVG")
Mesh = socket_type("MESH")
Voxel = socket_type("VOXEL")
Hooks = socket_type("HOOKS")
HookKeyframes = socket_type("HOOK_KEYFRAMES")
TimestepsRange = socket_type("TIMESTEPS_RANGE", tuple[int, int])
LatentOperation = socket_type("LATENT_OPERATION", Callable[[Tensor], Tensor])
FlowControl = socket_type("FLOW_CONTROL", tuple[str, Any])
Accumulation = socket_type("ACCUMULATION", dict[str, Any])
WanCameraEmbedding = socket_type("WAN_CAMERA_EMBEDDING", Tensor)
Load3D = socket_type("LOAD_3D", dict[str, Any])
Load3DAnimation = socket_type("LOAD_3D_ANIMATION", dict[str, Any])
Load3DCamera = socket_type("LOAD3D_CAMERA", dict[str, Any])
File3DAny = socket_type("FILE_3D")
Photomaker = socket_type("PHOTOMAKER")
Point = socket_type("POINT")
Tracks = socket_type("TRACKS", dict[str, Tensor])
FaceAnalysis = socket_type("FACE_ANALYSIS")
BBOX = socket_type("BBOX")
BoundingBox = socket_type("BOUNDING_BOX", dict[str, int])
SEGS = socket_type("SEGS")
Curve = socket_type("CURVE")
Histogram = socket_type("HISTOGRAM", list[int])
