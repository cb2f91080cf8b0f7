"""Which schedulers a model can be drawn with."""

import json
from pathlib import Path
from typing import Any

import pytest

from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.policy.scheduler_choice import BETAS_SCHEDULERS, SchedulerChoice


@pytest.mark.parametrize(
    ("config", "family", "own", "names"),
    [
        ({"_class_name": "EulerDiscreteScheduler"}, "betas", "EULER", BETAS_SCHEDULERS),
        ({"_class_name": "PNDMScheduler"}, "betas", None, BETAS_SCHEDULERS),
        ({"_class_name": "EDMEulerScheduler"}, "edm", "EULER", ("EULER", "DPMPP_2M")),
        ({"_class_name": "EDMDPMSolverMultistepScheduler"}, "edm", "DPMPP_2M", ("EULER", "DPMPP_2M")),
        ({"_class_name": "LCMScheduler"}, "lcm", "LCM", ("LCM",)),
        ({"_class_name": "TCDScheduler"}, "own", None, ()),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "own", "EULER", ("EULER",)),
        ({"_class_name": "UniPCMultistepScheduler", "prediction_type": "flow_prediction"}, "own", None, ()),
        ({"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True}, "own", None, ()),
        (
            {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"},
            "betas", None, BETAS_SCHEDULERS,
        ),
        ({}, "own", None, ()),
    ],
)  # fmt: skip
def test_the_scheduler_is_read_from_the_models_own(
    config: dict[str, Any], family: str, own: str | None, names: tuple[str, ...]
) -> None:
    choice = SchedulerChoice.read(config)
    assert (choice.family, choice.own, choice.names) == (family, own, names)


@pytest.mark.parametrize(
    ("entry", "config", "filled_in"),
    [
        ({}, {"_class_name": "EulerAncestralDiscreteScheduler"}, "EULER_ANCESTRAL"),
        ({}, {"_class_name": "LCMScheduler"}, "LCM"),
        ({}, {"_class_name": "PNDMScheduler"}, "DPMPP_2M"),
        ({"scheduler": "DDIM"}, {"_class_name": "EulerDiscreteScheduler"}, "DDIM"),
        ({}, "no JSON", "DPMPP_2M"),
        ({}, ["no object"], "DPMPP_2M"),
    ],
)
def test_what_fills_in_is_the_models_own(tmp_path: Path, entry: dict[str, str], config: object, filled_in: str) -> None:
    file = tmp_path / "m" / "scheduler" / "scheduler_config.json"
    file.parent.mkdir(parents=True)
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    document = {"default": "m", "models": {"m": {"source": "path:m", "defaults": entry}}}
    (tmp_path / "catalogue.yaml").write_text(json.dumps(document))
    assert read_catalogue(tmp_path / "catalogue.yaml", root=tmp_path).default.defaults.scheduler == filled_in


@pytest.mark.parametrize(("entry", "frames"), [({}, 24), ({"max_frames": 16}, 16)])
def test_motion_layers_limit_the_number_of_frames(tmp_path: Path, entry: dict[str, int], frames: int) -> None:
    file = tmp_path / "m" / "motion_adapter" / "config.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"motion_max_seq_length": 24}))
    document = {"default": "m", "models": {"m": {"kind": "video", "source": "path:m", **entry}}}
    (tmp_path / "catalogue.yaml").write_text(json.dumps(document))
    assert read_catalogue(tmp_path / "catalogue.yaml", root=tmp_path, kind="video").default.max_frames == frames


def test_the_token_limit_is_read_from_clip_text_encoders(tmp_path: Path) -> None:
    index = {"text_encoder": ["transformers", "CLIPTextModel"], "text_encoder_2": ["transformers", "CLIPTextModel"]}
    limits = {"text_encoder": 77, "text_encoder_2": 64}
    for name, limit in limits.items():
        (tmp_path / "m" / name).mkdir(parents=True)
        (tmp_path / "m" / name / "config.json").write_text(json.dumps({"max_position_embeddings": limit}))
    (tmp_path / "catalogue.yaml").write_text(json.dumps({"default": "m", "models": {"m": {"source": "path:m"}}}))
    for encoders, read in ((index, 64), ({"text_encoder": ["transformers", "T5EncoderModel"]}, 0)):
        (tmp_path / "m" / "model_index.json").write_text(json.dumps(encoders))
        assert read_catalogue(tmp_path / "catalogue.yaml", root=tmp_path).default.prompt_max_tokens == read
