"""Sampling: the settings of a sampler node, as the parameters of image jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atelier_nodes.builtin.mesh_values import ClipValue, Conditioning, EncodedText, ModelValue, require_kind
from atelier_nodes.builtin.prompt_syntax import NOTHING
from atelier_nodes.builtin.sampler_names import sampler_parameters

SEED_RANGE = 1 << 64
# Seeds up to here are `seed` in the contract, larger ones `wide_seed`.
NARROW_SEED_RANGE = 1 << 32
# Pictures of one job.
MAX_COUNT = 8


@dataclass(frozen=True, slots=True)
class Sampling:
    """The settings of a sampler node.

    Attributes:
        start_step: The first step that is done.
        end_step: The step before which it stops.
        denoise: Share of the schedule.
        add_noise: Whether noise is added to what it begins with.
        keep_noise: Whether the noise of `end_step` stays in the latent.
    """

    model: ModelValue
    seed: int
    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    positive: Conditioning
    negative: Conditioning
    denoise: float = 1.0
    start_step: int = 0
    end_step: int | None = None
    add_noise: bool = True
    keep_noise: bool = False

    @property
    def last_step(self) -> int:
        """The step before which it stops."""
        return self.steps if self.end_step is None else min(self.end_step, self.steps)

    @property
    def does_nothing(self) -> bool:
        """Whether no step is left to be done, so that latents come out as they went in."""
        return self.denoise <= 0 or self.start_step >= self.last_step

    def parameters(self) -> dict[str, Any]:
        """`atelier.image.v1.GenerationParameters` as JSON values, without sizes, seeds and what it begins with.

        Raises:
            TypeError: The model or a conditioning is no description of the mesh's.
            ValueError: A conditioning has an option that the image service does not support.
        """
        require_kind(self.model, ModelValue, "model")
        if self.cfg < 1:
            raise ValueError(f"cfg: the image service has no guidance below 1, such as {self.cfg:g}")
        guided = self.cfg > 1
        values: dict[str, Any] = {
            "model": self.model.model,
            "prompt": _text(self.positive, self.model, "positive"),
            # Without guidance the negative prompt is not read.
            "negative_prompt": _text(self.negative, self.model, "negative").strip() if guided else "",
            "guidance_scale": self.cfg,
            "steps": self.steps,
            **sampler_parameters(self.sampler_name, self.scheduler),
            "output_format": "PNG",
        }
        if self.denoise < 1:
            values["denoise"] = self.denoise
        if self.start_step or self.last_step < self.steps:
            values |= {"start_step": self.start_step, "end_step": self.last_step}
        if self.add_noise != (self.start_step == 0):
            values["add_noise"] = self.add_noise
        if self.last_step < self.steps:
            values["keep_noise"] = self.keep_noise
        return values


@dataclass(frozen=True, slots=True)
class Beginning:
    """The beginning of one element of a batch.

    Attributes:
        width_px: Width of the picture.
        height_px: Height of the picture.
        seed_offset: Added to the sampler's seed.
        assets: Asset ids by parameter, such as `init_latent_asset_id`; empty for a picture out of noise alone.
    """

    width_px: int
    height_px: int
    seed_offset: int
    assets: tuple[tuple[str, str], ...] = ()


def job_parameters(sampling: Sampling, beginnings: Sequence[Beginning], outputs: Sequence[str]) -> list[dict[str, Any]]:
    """The jobs of a batch, in its order: neighbours that begin alike and have successive seeds share one.

    Args:
        sampling: The settings.
        beginnings: One for each element.
        outputs: PICTURE, LATENT or both.

    Raises:
        TypeError: See `Sampling.parameters`.
        ValueError: See `Sampling.parameters`.
    """
    base = sampling.parameters()
    jobs: list[dict[str, Any]] = []
    for group in _groups(beginnings):
        first = group[0]
        jobs.append(
            {
                **base,
                **dict(first.assets),
                "width_px": first.width_px,
                "height_px": first.height_px,
                **seeded(sampling.seed + first.seed_offset, len(group)),
                "outputs": list(outputs),
            }
        )
    return jobs


def seeded(seed: int, count: int) -> dict[str, Any]:
    """Returns the parameters for the seeds of a job: successive seeds from `seed`, modulo 2^64."""
    seed %= SEED_RANGE
    # The pictures of a job count on within the range of the field.
    if seed + count <= NARROW_SEED_RANGE:
        return {"seed": seed, "count": count}
    # JSON of protobuf writes 64-bit integers as strings.
    return {"wide_seed": str(seed), "count": count}


def _groups(beginnings: Sequence[Beginning]) -> list[list[Beginning]]:
    groups: list[list[Beginning]] = []
    for beginning in beginnings:
        last = groups[-1] if groups else None
        if last and len(last) < MAX_COUNT and _continues(last[-1], beginning):
            last.append(beginning)
        else:
            groups.append([beginning])
    return groups


def _continues(before: Beginning, after: Beginning) -> bool:
    alike = (before.assets, before.width_px, before.height_px) == (after.assets, after.width_px, after.height_px)
    return alike and after.seed_offset == before.seed_offset + 1


def _text(conditioning: Conditioning, model: ModelValue, name: str) -> str:
    if len(conditioning) != 1:
        raise ValueError(f"{name}: the image service takes one text, not a combination of {len(conditioning)}")
    text, options = conditioning[0]
    require_kind(text, EncodedText, name)
    if text.clip != ClipValue(model.model):
        raise ValueError(f"{name}: the text is encoded by {text.clip.model!r}, but {model.model!r} samples")
    if text.zeroed:
        raise ValueError(f"{name}: the image service cannot replace a text's encoding by zeros; use a cfg of 1")
    if options:
        raise ValueError(f"{name}: the image service has no {', '.join(sorted(map(str, options)))} of a conditioning")
    return text.text or NOTHING
