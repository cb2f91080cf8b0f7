"""The noise schedule of the demo model, written once for training and for the shipped scheduler configuration."""

from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

TRAIN_TIMESTEPS = 1000


def build_scheduler() -> DDIMScheduler:
    """DDIM over linear betas rescaled to zero terminal SNR (arXiv:2305.08891), stepping from pure noise."""
    scheduler: DDIMScheduler = DDIMScheduler(
        num_train_timesteps=TRAIN_TIMESTEPS,
        beta_schedule="linear",
        beta_start=1e-4,
        beta_end=0.02,
        rescale_betas_zero_snr=True,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )
    return scheduler


def alphas_cumprod() -> Tensor:
    """The share of signal variance left at each of the 1,000 timesteps, falling from nearly 1 to 0."""
    alphas: Tensor = build_scheduler().alphas_cumprod
    return alphas
