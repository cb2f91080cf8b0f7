"""Train the demo video model's text encoder and UNet, on one CPU thread, for a number of steps.

    python -m tools.demo_video.train --out /var/tmp/demo-video --init models/demo-image --steps 6000

The network is ModelScope's text-to-video UNet (Wang et al. 2023, arXiv:2308.06571), small. All its spatial weights
start as those of the demo image model; its temporal layers start as identities. Those layers have no position
embedding: which frame is which they can only tell from the zero padding at both ends of the temporal convolutions.
Two things are meant to help (neither was tested alone). A shape starts at the side that it comes from, so that
already the mean of all clips of a prompt moves. And a linear probe on the middle block, thrown away afterwards, is
trained to tell each frame's number and the shape's place in it: a short way for the gradient to where the text meets
the frames.

The rest is the image model's recipe: v-prediction, zero terminal SNR, AdamW, an exponential moving average (EMA) of
the weights. Cells that the shape crosses weigh more, and timesteps with much noise come more often.

The run counts steps, not seconds, so it may be paused. It can be stopped at any time and started again with the same
command: it goes on from its last checkpoint. `OUT/unet` and `OUT/text_encoder` always hold a loadable EMA.
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
from diffusers.models.unets.unet_3d_condition import UNet3DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel

from tools.demo_image import schedule
from tools.demo_image.learner import Learner
from tools.demo_image.tokenizer import PROMPT_MAX_TOKENS, build_tokenizer
from tools.demo_image.train import edge_cells
from tools.demo_video.dataset import Batch, Dataset, training_specs

log = logging.getLogger("train")

CHECKPOINT_EVERY_S = 180.0
EMPTY_PROMPT_SHARE = 0.07  # of the samples: teaches the unconditional prediction that guidance needs


@dataclass(frozen=True)
class Options:
    """What one run does."""

    steps: int
    batch: int
    learning_rate: float
    hold: float  # share of the run at full learning rate; after it the rate falls in a line to 1 %
    ema_decay: float
    path_weight: float  # additional loss weight of cells that the shape crosses
    edge_weight: float  # ... and of cells that hold or touch its edge in the frame at hand
    probe_weight: float  # loss weight of the probe; it falls in a line to 0 over the first half of the run
    noise_power: float  # timesteps are distributed as u ** noise_power: below 1, noise comes more often
    bf16: bool
    seed: int


def build_unet() -> UNet3DConditionModel:
    """A UNet (random weights) for (12, 16, 8, 8) latents; text enters on its way down and in its middle."""
    unet: UNet3DConditionModel = UNet3DConditionModel(
        sample_size=8,
        in_channels=12,
        out_channels=12,
        layers_per_block=1,
        block_out_channels=(64, 128),
        down_block_types=("DownBlock3D", "CrossAttnDownBlock3D"),
        up_block_types=("UpBlock3D", "UpBlock3D"),
        cross_attention_dim=128,
        attention_head_dim=16,
        norm_num_groups=16,
    )
    return unet


def inherit(unet: UNet3DConditionModel, picture_unet: UNet2DConditionModel) -> int:
    """Copy every weight that both networks have, and let temporal layers begin as identities; answers the copies.

    Temporal convolutions begin so by themselves (diffusers zeroes their last layer); temporal attention is a residual
    whose projection is zeroed here.
    """
    network: Any = unet
    weights = network.state_dict()
    picture_network: Any = picture_unet
    shared = {
        name: value
        for name, value in picture_network.state_dict().items()
        if name in weights and weights[name].shape == value.shape
    }
    for name, value in weights.items():
        if name.endswith(("proj_out.weight", "proj_out.bias")) and _is_temporal(name):
            shared[name] = torch.zeros_like(value)
    network.load_state_dict(weights | shared)
    return len(shared)


def _is_temporal(name: str) -> bool:
    return "temp_attentions" in name or name.startswith("transformer_in")


class Probe(nn.Module):
    """Reads from the middle block where the shape is and which frame it looks at; only training needs it."""

    def __init__(self, unet: UNet3DConditionModel) -> None:
        super().__init__()
        network: Any = unet
        self._read = nn.Linear(network.config.block_out_channels[-1], 3)
        self._seen = torch.empty(0)
        network.mid_block.register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        self._seen = output

    def loss(self, centres: Tensor) -> Tensor:
        """The mean squared error of (samples, frames, 2) centres and of the frame's number, -1 to 1."""
        samples, frames = centres.shape[:2]
        number = torch.linspace(-1, 1, frames).view(1, frames, 1).expand(samples, frames, 1)
        features = self._seen.float().mean((2, 3)).view(samples, frames, -1)
        return functional.mse_loss(self._read(features), torch.cat([centres, number], -1))


def latents_of_thumbs(thumbs: Tensor) -> Tensor:
    """(B, frames, 3, 16, 16) thumbs as (B, 12, frames, 8, 8) latents."""
    return functional.pixel_unshuffle(thumbs, 2).transpose(1, 2).contiguous()


def crossed_cells(latents: Tensor) -> Tensor:
    """Mark the cells of (B, 12, frames, 8, 8) latents that the shape ever touches: (B, 1, 1, 8, 8) of 0 or 1."""
    change = latents.amax(2) - latents.amin(2)
    return (change.amax(1, keepdim=True) > 0.05).float().unsqueeze(2)


def shape_edges(latents: Tensor) -> Tensor:
    """Mark the cells of (B, 12, frames, 8, 8) latents at the shape's edge, frame by frame: (B, 1, frames, 8, 8)."""
    edges = edge_cells(latents.transpose(1, 2).flatten(0, 1))
    return edges.view(len(latents), latents.shape[2], 1, *edges.shape[-2:]).transpose(1, 2)


class Run:
    """The state of a training run: two networks, a probe, their optimizer and their EMA."""

    def __init__(self, options: Options, out: Path, init: Path, dataset: Dataset) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self._out = out
        self._dataset = dataset
        self._tokenizer = build_tokenizer()
        self._alphas = schedule.alphas_cumprod()
        self._text_encoder = CLIPTextModel.from_pretrained(init / "text_encoder", dtype=torch.float32)
        self._unet = self._initial_unet(init)
        self._probe = Probe(self._unet)
        nets = nn.ModuleList([self._unet, self._text_encoder, self._probe])
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
        return min(1.0, self.steps / self.options.steps)

    def step(self) -> tuple[float, float]:
        """Train on one batch; answers its unweighted mean squared error and the probe's."""
        batch: Batch = self._dataset.batch(self.options.batch)
        latents = latents_of_thumbs(torch.from_numpy(batch.thumbs))
        noisy, timesteps, target = self._noised(latents)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.options.bf16):
            words = self._text_encoder(self._token_ids(batch.prompts))[0]
            predicted = self._unet(noisy, timesteps, words).sample
        error = (predicted.float() - target).square()
        probed = self._probe.loss(torch.from_numpy(batch.centres))
        weight = 1 + self.options.path_weight * crossed_cells(latents)
        if self.options.edge_weight:
            weight = weight + self.options.edge_weight * shape_edges(latents)
        loss = (error * weight).mean()
        loss = loss + self.options.probe_weight * max(0.0, 1 - 2 * self.progress) * probed
        self._learner.learn(loss, progress=self.progress, hold=self.options.hold)
        return float(error.detach().mean()), float(probed.detach())

    def save(self) -> None:
        """Write the EMA as two model folders, and everything that `resume` needs."""
        with self._learner.averaged():
            self._unet.save_pretrained(self._out / "unet")
            self._text_encoder.save_pretrained(self._out / "text_encoder")
        state = self._learner.state()
        partial = self._out / "state.partial"
        torch.save(state, partial)
        partial.replace(self._out / "state.pt")
        progress = {"samples": self.samples, "steps": self.steps, "of": self.options.steps}
        (self._out / "progress.json").write_text(json.dumps(progress))

    def resume(self) -> bool:
        """Go on from the last `save`, if there is one."""
        path = self._out / "state.pt"
        if not path.exists():
            return False
        self._learner.restore(torch.load(path, weights_only=True))
        torch.manual_seed(self.options.seed + self.steps)
        return True

    def _initial_unet(self, init: Path) -> UNet3DConditionModel:
        if (init / "unet" / "config.json").read_text().find("UNet3DConditionModel") >= 0:
            loaded: UNet3DConditionModel = UNet3DConditionModel.from_pretrained(init / "unet", dtype=torch.float32)
            return loaded
        unet = build_unet()
        copied = inherit(unet, UNet2DConditionModel.from_pretrained(init / "unet", dtype=torch.float32))
        log.info("%d tensors inherited from the image model or zeroed", copied)
        return unet

    def _noised(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy latents, their timesteps (B,) and the velocity to predict (Salimans & Ho 2022, arXiv:2202.00512)."""
        count = len(latents)
        strata = (torch.arange(count) + torch.rand(count)) / count
        timesteps = (strata**self.options.noise_power * schedule.TRAIN_TIMESTEPS).long()[torch.randperm(count)]
        signal_level = self._alphas[timesteps].sqrt().view(-1, 1, 1, 1, 1)
        noise_level = (1 - self._alphas[timesteps]).sqrt().view(-1, 1, 1, 1, 1)
        noise = torch.randn_like(latents)
        return signal_level * latents + noise_level * noise, timesteps, signal_level * noise - noise_level * latents

    def _token_ids(self, prompts: list[str]) -> Tensor:
        heard = ["" if float(torch.rand(())) < EMPTY_PROMPT_SHARE else prompt for prompt in prompts]
        tokens = self._tokenizer(heard, padding="max_length", max_length=PROMPT_MAX_TOKENS, truncation=True)
        return torch.tensor(tokens.input_ids)


def train(run: Run) -> None:
    """Step until the run is done or somebody ends the process; save every three minutes and then."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    errors: list[tuple[float, float]] = []
    last_save, samples_before = time.monotonic(), run.samples
    while run.progress < 1 and not ended:
        errors.append(run.step())
        if run.steps % 25 == 0:
            del errors[:-50]
            error, probed = (sum(column) / len(errors) for column in zip(*errors, strict=True))
            clips_s = (run.samples - samples_before) / time.process_time()
            log.info("%d samples, error %.4f, probe %.4f, %.1f clips/cpu-s", run.samples, error, probed, clips_s)
        if time.monotonic() - last_save > CHECKPOINT_EVERY_S:
            run.save()
            last_save = time.monotonic()
    run.save()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; holds its checkpoints")
    parser.add_argument("--init", type=Path, required=True, help="image or video model folder to start from")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--hold", type=float, default=0.4, help="share of the run before the rate falls")
    parser.add_argument("--ema-decay", type=float, default=0.995)
    parser.add_argument("--path-weight", type=float, default=2.0)
    parser.add_argument("--edge-weight", type=float, default=0.0)
    parser.add_argument("--probe-weight", type=float, default=0.3)
    parser.add_argument("--noise-power", type=float, default=0.5)
    parser.add_argument("--bf16", action="store_true", help="half-precision arithmetic, for CPUs that have it")
    parser.add_argument("--shape-weights", type=float, nargs=2, default=[1, 1], metavar="W")
    parser.add_argument("--seed", type=int, default=1)
    arguments = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    out, init = arguments.pop("out"), arguments.pop("init")
    dataset = Dataset(arguments["seed"], training_specs(), arguments.pop("shape_weights"))
    run = Run(Options(**arguments), out, init, dataset)
    if run.resume():
        log.info("going on after %d samples", run.samples)
    train(run)


if __name__ == "__main__":
    main()
