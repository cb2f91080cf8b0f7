"""`comfy.samplers`: names of the mesh's samplers and schedulers. Sampling itself is a job of the mesh."""

from typing import Any, ClassVar, NoReturn

from atelier_nodes.builtin.sampler_names import SAMPLERS, SCHEDULERS
from atelier_nodes.packs.model_internals import missing, placeholder

SAMPLER_NAMES = list(SAMPLERS)
SCHEDULER_NAMES = list(SCHEDULERS)
KSAMPLER_NAMES = [name for name in SAMPLER_NAMES if name not in ("ddim", "uni_pc", "uni_pc_bh2")]
SCHEDULER_HANDLERS = {name: placeholder(f"comfy.samplers.SCHEDULER_HANDLERS[{name!r}]") for name in SCHEDULER_NAMES}

Sampler = placeholder("comfy.samplers.Sampler")
KSAMPLER = placeholder("comfy.samplers.KSAMPLER")
CFGGuider = placeholder("comfy.samplers.CFGGuider")
KSamplerX0Inpaint = placeholder("comfy.samplers.KSamplerX0Inpaint")
calc_cond_batch = placeholder("comfy.samplers.calc_cond_batch")
calculate_sigmas = placeholder("comfy.samplers.calculate_sigmas")
cfg_function = placeholder("comfy.samplers.cfg_function")
get_area_and_mult = placeholder("comfy.samplers.get_area_and_mult")
ksampler = placeholder("comfy.samplers.ksampler")
sample = placeholder("comfy.samplers.sample")
sampler_object = placeholder("comfy.samplers.sampler_object")
sampling_function = placeholder("comfy.samplers.sampling_function")
process_conds = placeholder("comfy.samplers.process_conds")


class KSampler:
    """The names that nodes offer; packs may add to the lists."""

    SAMPLERS: ClassVar[list[str]] = SAMPLER_NAMES
    SCHEDULERS: ClassVar[list[str]] = SCHEDULER_NAMES
    DISCARD_PENULTIMATE_SIGMA_SAMPLERS: ClassVar[set[str]] = {"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"}

    def __init__(self, *_: Any, **__: Any) -> None:
        """Refuses: a sampler needs internals of a model.

        Raises:
            ModelInternalsError: Always.
        """
        _refuse("comfy.samplers.KSampler")


def _refuse(name: str) -> NoReturn:
    raise missing(name)
