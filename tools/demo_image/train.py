"""Train the demo model's text encoder and UNet, on one CPU thread, until a deadline.

    python -m tools.demo_image.train --out /var/tmp/demo --init models/demo-image --seconds 6000

The recipe: v-prediction with a zero-terminal-SNR schedule (Lin et al. 2023, arXiv:2305.08891), so that the very
first denoising step already decides the colours; AdamW; an exponential moving average (EMA) of the weights, which
is what gets saved. The loss weighs latent cells on edges more for the first two thirds of the run, because most
cells of a flat picture are plain and learnt at once, while the shape is in the few others.

The run can be stopped at any time and started again with the same command: it goes on from its last checkpoint.
`OUT/unet` and `OUT/text_encoder` always hold a loadable EMA; `tools.demo_image.package` makes a pipeline of them.
"""

import argparse
import json
import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tools.demo_image import schedule
from tools.demo_image.dataset import Dataset, Mix
from tools.demo_image.learner import Learner
from tools.demo_image.tokenizer import PROMPT_MAX_TOKENS, build_tokenizer

log = logging.getLogger("train")

CHECKPOINT_EVERY_S = 180.0
EMPTY_PROMPT_SHARE = 0.07  # of the samples: teaches the unconditional prediction that guidance needs


@dataclass(frozen=True)
class Options:
    """What one run does; `seconds` counts the wall-clock time of all its parts together."""

    seconds: float
    batch: int
    learning_rate: float
    hold: float  # share of the run at full learning rate; after it the rate falls in a line to 1 %
    ema_decay: float
    edge_weight: float  # additional loss weight of cells on edges
    edge_share: float  # share of the run in which that weight applies
    seed: int


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A CLIP text encoder (random weights) with 128 channels, 3 layers and room for 32 tokens: 0.60 M parameters."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=PROMPT_MAX_TOKENS,
            projection_dim=128,
            hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_unet() -> UNet2DConditionModel:
    """A UNet (random weights) for (12, 16, 16) latents, cross-attention at both of its levels: 4.29 M parameters."""
    unet: UNet2DConditionModel = UNet2DConditionModel(
        sample_size=16,
        in_channels=12,
        out_channels=12,
        layers_per_block=1,
        block_out_channels=(64, 128),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=(4, 8),
        norm_num_groups=16,
        use_linear_projection=True,
    )
    return unet


def edge_cells(latents: Tensor) -> Tensor:
    """Mark the cells of (B, 12, 16, 16) latents that hold or touch an edge: (B, 1, 16, 16) of 0 or 1."""
    thumbs = functional.pixel_shuffle(latents, 2)
    padded = functional.pad(thumbs, (1, 1, 1, 1), mode="replicate")
    contrast = functional.max_pool2d(padded, 3, 1) + functional.max_pool2d(-padded, 3, 1)
    return functional.max_pool2d((contrast.amax(1, keepdim=True) > 0.12).float(), 2)


class Run:
    """The state of a training run: two networks, their optimizer and their EMA."""

    def __init__(self, options: Options, out: Path, init: Path | None, mix: Mix) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.elapsed_s = 0.0
        self._out = out
        self._dataset = Dataset(options.seed, mix)
        self._tokenizer = build_tokenizer()
        self._alphas = schedule.alphas_cumprod()
        if init is None:
            self._text_encoder, self._unet = build_text_encoder(self._tokenizer), build_unet()
        else:
            self._text_encoder = CLIPTextModel.from_pretrained(init / "text_encoder", dtype=torch.float32)
            self._unet = UNet2DConditionModel.from_pretrained(init / "unet", dtype=torch.float32)
        network: Any = self._unet
        network.to(memory_format=torch.channels_last)
        nets = nn.ModuleList([self._unet, self._text_encoder])
        self._learner = Learner(nets, options.learning_rate, options.ema_decay)

    @property
    def steps(self) -> int:
        return self._learner.steps

    @property
    def samples(self) -> int:
        return self.steps * self.options.batch

    @property
    def progress(self) -> float:
        """The share of the run that is done, 0 to 1."""
        return min(1.0, self.elapsed_s / self.options.seconds)

    def step(self) -> float:
        """Train on one batch; answers its unweighted mean squared error."""
        thumbs, prompts = self._dataset.batch(self.options.batch)
        latents = functional.pixel_unshuffle(torch.from_numpy(thumbs), 2)
        noisy, timesteps, target = self._noised(latents)
        predicted = self._unet(noisy, timesteps, self._text_encoder(self._token_ids(prompts))[0]).sample
        error = (predicted - target).square()
        loss = error
        if self.progress < self.options.edge_share:
            loss = error * (1 + self.options.edge_weight * edge_cells(latents))
        self._learner.learn(loss.mean(), progress=self.progress, hold=self.options.hold)
        return float(error.detach().mean())

    def save(self) -> None:
        """Write the EMA as two model folders, and everything that `resume` needs."""
        with self._learner.averaged():
            self._unet.save_pretrained(self._out / "unet")
            self._text_encoder.save_pretrained(self._out / "text_encoder")
        state = self._learner.state() | {"elapsed_s": self.elapsed_s}
        partial = self._out / "state.partial"
        torch.save(state, partial)
        partial.replace(self._out / "state.pt")
        progress = {"samples": self.samples, "steps": self.steps, "elapsed_s": round(self.elapsed_s)}
        (self._out / "progress.json").write_text(json.dumps(progress))

    def resume(self) -> bool:
        """Go on from the last `save`, if there is one."""
        path = self._out / "state.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        self._learner.restore(state)
        self.elapsed_s = state["elapsed_s"]
        return True

    def _noised(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy latents, their timesteps (B,) and the velocity to predict (Salimans & Ho 2022, arXiv:2202.00512).

        Timesteps are stratified over the batch, with a density that grows as t^(2/3): the shape is decided
        while there is much noise.
        """
        count = len(latents)
        strata = (torch.arange(count) + torch.rand(count)) / count
        timesteps = (strata**0.6 * schedule.TRAIN_TIMESTEPS).long()[torch.randperm(count)]
        signal = self._alphas[timesteps].sqrt().view(-1, 1, 1, 1)
        noise_level = (1 - self._alphas[timesteps]).sqrt().view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        noisy = signal * latents + noise_level * noise
        return noisy.to(memory_format=torch.channels_last), timesteps, signal * noise - noise_level * latents

    def _token_ids(self, prompts: list[str]) -> Tensor:
        heard = ["" if float(torch.rand(())) < EMPTY_PROMPT_SHARE else prompt for prompt in prompts]
        tokens = self._tokenizer(heard, padding="max_length", max_length=PROMPT_MAX_TOKENS, truncation=True)
        return torch.tensor(tokens.input_ids)


def train(run: Run) -> None:
    """Step until the run's seconds are used up or somebody ends the process; save every three minutes and then."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    errors: list[float] = []
    last_save = last_tick = time.monotonic()
    while run.progress < 1 and not ended:
        errors.append(run.step())
        now = time.monotonic()
        run.elapsed_s, last_tick = run.elapsed_s + now - last_tick, now
        if run.steps % 50 == 0:
            del errors[:-100]
            log.info("%d samples, %.0f s, error %.4f", run.samples, run.elapsed_s, sum(errors) / len(errors))
        if now - last_save > CHECKPOINT_EVERY_S:
            run.save()
            last_save = time.monotonic()
    run.save()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; holds its checkpoints")
    parser.add_argument("--init", type=Path, help="model folder to start from; without it, from random weights")
    parser.add_argument("--seconds", type=float, required=True, help="wall-clock budget of the whole run")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=7e-4)
    parser.add_argument("--hold", type=float, default=0.25, help="share of the run before the rate falls")
    parser.add_argument("--ema-decay", type=float, default=0.998)
    parser.add_argument("--edge-weight", type=float, default=2.0)
    parser.add_argument("--edge-share", type=float, default=0.65)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scene-share", type=float, default=0.2)
    parser.add_argument("--shape-weights", type=float, nargs=6, default=[1, 1, 1, 1.8, 1, 1], metavar="W")
    parser.add_argument("--size-weights", type=float, nargs=3, default=[0.44, 0.2, 0.36], metavar="W")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    options = Options(
        seconds=arguments.seconds,
        batch=arguments.batch,
        learning_rate=arguments.learning_rate,
        hold=arguments.hold,
        ema_decay=arguments.ema_decay,
        edge_weight=arguments.edge_weight,
        edge_share=arguments.edge_share,
        seed=arguments.seed,
    )
    mix = Mix(arguments.scene_share, tuple(arguments.shape_weights), tuple(arguments.size_weights))
    run = Run(options, arguments.out, arguments.init, mix)
    if run.resume():
        log.info("going on after %d samples, %.0f s", run.samples, run.elapsed_s)
    train(run)


if __name__ == "__main__":
    main()
