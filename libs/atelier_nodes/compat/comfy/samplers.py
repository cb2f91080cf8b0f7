"""`comfy.samplers`: names of samplers and schedulers. Sampling itself is a job of the mesh."""

from typing import Any, ClassVar, NoReturn

from atelier_nodes.packs.model_internals import missing, placeholder

KSAMPLER_NAMES = [
    "euler",
    "euler_cfg_pp",
    "euler_ancestral",
    "euler_ancestral_cfg_pp",
    "heun",
    "heunpp2",
    "exp_heun_2_x0",
    "exp_heun_2_x0_sde",
    "dpm_2",
    "dpm_2_ancestral",
    "lms",
    "dpm_fast",
    "dpm_adaptive",
    "dpmpp_2s_ancestral",
    "dpmpp_2s_ancestral_cfg_pp",
    "dpmpp_sde",
    "dpmpp_sde_gpu",
    "dpmpp_2m",
    "dpmpp_2m_cfg_pp",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_gpu",
    "dpmpp_2m_sde_heun",
    "dpmpp_2m_sde_heun_gpu",
    "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu",
    "ddpm",
    "lcm",
    "ipndm",
    "ipndm_v",
    "deis",
    "res_multistep",
    "res_multistep_cfg_pp",
    "res_multistep_ancestral",
    "res_multistep_ancestral_cfg_pp",
    "gradient_estimation",
    "gradient_estimation_cfg_pp",
    "er_sde",
    "seeds_2",
    "seeds_3",
    "sa_solver",
    "sa_solver_pece",
]
SAMPLER_NAMES = [*KSAMPLER_NAMES, "ddim", "uni_pc", "uni_pc_bh2"]
SCHEDULER_NAMES = [
    "simple",
    "sgm_uniform",
    "karras",
    "exponential",
    "ddim_uniform",
    "beta",
    "normal",
    "linear_quadratic",
    "kl_optimal",
]
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
        """Refuses: a sampler takes a model's inside.

        Raises:
            ModelInternalsError: always.
        """
        _refuse("comfy.samplers.KSampler")


def _refuse(name: str) -> NoReturn:
    raise missing(name)
