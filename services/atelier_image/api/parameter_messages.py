"""Parameters of an image as messages of the contract, and back."""

from typing import cast, get_args

from atelier.image.v1 import image_pb2
from atelier.type.v1 import type_pb2
from atelier_diffusion.policy.request import SIGMAS, OutputKind, SigmasName
from atelier_drawing.api.messages import read_parameters, write_parameters
from atelier_image.domain.inputs import INPUT_NAMES, Input
from atelier_image.domain.parameters import AskedImage, FormatName, ImageParameters


def asked_from(message: image_pb2.GenerationParameters) -> AskedImage:
    """Reads the parameters as the caller sent them."""
    asset_ids = {name: getattr(message, f"{name}_asset_id") for name in INPUT_NAMES}
    asked = AskedImage(
        prompt=message.prompt,
        count=message.count if message.HasField("count") else None,
        output_format=_format_name(message.output_format),
        inputs={name: Input(asset_id) for name, asset_id in asset_ids.items() if asset_id},
        denoise=message.denoise if message.HasField("denoise") else None,
        start_step=message.start_step if message.HasField("start_step") else None,
        end_step=message.end_step if message.HasField("end_step") else None,
        add_noise=message.add_noise if message.HasField("add_noise") else None,
        keep_noise=message.keep_noise if message.HasField("keep_noise") else None,
        outputs=tuple(cast(OutputKind, image_pb2.OutputKind.Name(kind)) for kind in message.outputs),
        sigmas=_sigmas_name(message.sigmas),
        wide_seed=message.wide_seed if message.HasField("wide_seed") else None,
    )
    return read_parameters(message, asked)


def parameters_message(parameters: ImageParameters) -> image_pb2.GenerationParameters:
    """Returns the message of resolved parameters; sent again, it requests the same image."""
    request = parameters.request
    message = image_pb2.GenerationParameters(
        count=request.count,
        output_format=type_pb2.PictureFormat.Value(parameters.output_format),
        denoise=request.denoise,
        start_step=request.start_step,
        end_step=request.end,
        add_noise=request.add_noise,
        keep_noise=request.keep_noise,
        outputs=[image_pb2.OutputKind.Value(kind) for kind in request.outputs],
        sigmas=image_pb2.Sigmas.Value(request.sigmas) if request.sigmas else None,
        wide_seed=request.wide_seed,
    )
    for name, each in parameters.inputs.items():
        setattr(message, f"{name}_asset_id", each.asset_id)
    write_parameters(message, parameters)
    if request.wide_seed is not None:
        message.ClearField("seed")
    return message


def _format_name(value: type_pb2.PictureFormat.ValueType) -> FormatName | None:
    name = type_pb2.PictureFormat.Name(value)
    return cast(FormatName, name) if name in get_args(FormatName) else None


def _sigmas_name(value: image_pb2.Sigmas.ValueType) -> SigmasName | None:
    name = image_pb2.Sigmas.Name(value)
    return name if name in SIGMAS else None
