"""Every name that widely used packs import exists."""

import importlib
from typing import Any

import pytest

NAMES = {
    "folder_paths": "get_filename_list get_full_path get_full_path_or_raise get_output_directory get_input_directory "
    "get_temp_directory get_directory_by_type get_annotated_filepath exists_annotated_filepath get_save_image_path "
    "get_folder_paths add_model_folder_path models_dir base_path input_directory output_directory "
    "folder_names_and_paths supported_pt_extensions",
    "nodes": "NODE_CLASS_MAPPINGS MAX_RESOLUTION SaveImage PreviewImage LoadImage ImageScale",
    "server": "PromptServer.instance.routes.get PromptServer.instance.routes.post PromptServer.instance.send_sync "
    "PromptServer.instance.client_id PromptServer.instance.send_progress_text PromptServer.instance.app "
    "PromptServer.instance.add_on_prompt_handler PromptServer.instance.supports BinaryEventTypes.TEXT",
    "comfy.utils": "ProgressBar common_upscale load_torch_file save_torch_file tiled_scale "
    "state_dict_prefix_replace set_attr lanczos PROGRESS_BAR_ENABLED",
    "comfy.samplers": "KSampler.SAMPLERS KSampler.SCHEDULERS sampler_object",
    "comfy.model_management": "get_torch_device intermediate_device intermediate_dtype vae_device "
    "unet_offload_device get_free_memory soft_empty_cache load_models_gpu unload_all_models is_device_mps "
    "OOM_EXCEPTION throw_exception_if_processing_interrupted",
    "comfy_execution.graph": "ExecutionBlocker",
    "comfy_execution.graph_utils": "GraphBuilder Node is_link",
    "comfy.comfy_types": "IO ComfyNodeABC InputTypeDict",
    "comfy.comfy_types.node_typing": "IO ComfyNodeABC InputTypeDict",
    "node_helpers": "conditioning_set_values pillow",
    "comfy.cli_args": "args",
    "latent_preview": "prepare_callback get_previewer",
    "execution": "PromptExecutor",
    "comfy.model_patcher": "ModelPatcher",
    "comfy.ldm.modules.attention": "optimized_attention",
    "comfy.sd": "load_checkpoint_guess_config",
    "comfy.k_diffusion.sampling": "sample_euler",
    "comfy.sample": "prepare_noise",
    "protocol": "BinaryEventTypes",
    "comfyui_version": "__version__",
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in NAMES.items() for name in names.split()]
)
def test_the_name_exists(module: str, name: str) -> None:
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        assert hasattr(value, part), f"{module}.{name}"
        value = getattr(value, part)


def test_a_module_that_was_not_written_does_not_exist() -> None:
    for module in ("folder_paths", "nodes", "comfy.utils", "comfy.model_management"):
        assert not hasattr(importlib.import_module(module), "something_newer")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("comfy.something_newer")
