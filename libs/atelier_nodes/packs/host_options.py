"""Options of the process that packs read as `comfy.cli_args.args`."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

_DEFAULTS: dict[str, Any] = {
    "base_directory": None,
    "bf16_vae": False,
    "cache_classic": False,
    "cache_lru": 0,
    "cache_none": False,
    "cpu": False,
    "cpu_vae": False,
    "cuda_device": None,
    "cuda_malloc": False,
    "default_hashing_function": "sha256",
    "deterministic": False,
    "directml": None,
    "disable_all_custom_nodes": False,
    "disable_metadata": False,
    "disable_smart_memory": False,
    "disable_xformers": True,
    "dont_upcast_attention": False,
    "enable_cors_header": None,
    "extra_model_paths_config": None,
    "fast": set(),
    "force_channels_last": False,
    "force_fp16": False,
    "force_fp32": False,
    "force_upcast_attention": False,
    "fp16_vae": False,
    "fp32_vae": False,
    "front_end_version": "",
    "gpu_only": False,
    "highvram": False,
    "input_directory": None,
    "listen": "127.0.0.1",
    "log_stdout": False,
    "lowvram": False,
    "max_upload_size": 100,
    "multi_user": False,
    "normalvram": False,
    "novram": False,
    "output_directory": None,
    "port": 8188,
    "preview_method": None,
    "preview_size": 512,
    "reserve_vram": None,
    "supports_fp8_compute": False,
    "temp_directory": None,
    "tls_certfile": None,
    "tls_keyfile": None,
    "use_flash_attention": False,
    "use_pytorch_cross_attention": True,
    "use_quad_cross_attention": False,
    "use_sage_attention": False,
    "use_split_cross_attention": False,
    "user_directory": None,
    "verbose": "INFO",
    "whitelist_custom_nodes": [],
    "windows_standalone_build": False,
}

OPTIONS = Namespace(**_DEFAULTS)
"""One object for each process; packs hold references to it."""


def use_options(options: Mapping[str, Any]) -> None:
    """Sets options; those that are not given take their defaults."""
    vars(OPTIONS).clear()
    vars(OPTIONS).update(_DEFAULTS, **options)
