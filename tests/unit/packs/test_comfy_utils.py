"""Progress, files of weights and state dicts, as nodes of packs use them."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import latent_preview
import node_helpers
from atelier_graph.context import CurrentNode, entered
from atelier_graph.errors import RunInterruptedError
from comfy import model_management, sample, utils
from comfy.comfy_types import IO
from comfy_execution.utils import get_executing_context


class Reports:
    """Receives a node's progress; interrupts the execution at a value."""

    def __init__(self, interrupt_at: float | None = None) -> None:
        self.received: list[tuple[float, float, str | None]] = []
        self.previews: list[tuple[bytes, str]] = []
        self._interrupt_at = interrupt_at

    def __call__(
        self,
        value: float,
        max: float,  # noqa: A002 - the port's name
        *,
        preview: bytes | None = None,
        preview_type: str = "image/jpeg",
        node_id: str | None = None,
    ) -> None:
        if value == self._interrupt_at:
            raise RunInterruptedError
        self.received.append((value, max, node_id))
        if preview is not None:
            self.previews.append((preview, preview_type))

    def check_interrupt(self) -> None:
        if self._interrupt_at is not None:
            raise RunInterruptedError

    def node(self) -> CurrentNode:
        return CurrentNode("prompt", "7", 0, self, self.check_interrupt)


def test_a_progress_bar_reports_for_its_node() -> None:
    reports = Reports()
    with entered(reports.node()):
        bar = utils.ProgressBar(4)
        bar.update(1)
        bar.update_absolute(3, 5)
        utils.ProgressBar(2, node_id="9").update_absolute(7)
    assert reports.received == [(1, 4, None), (3, 5, None), (2, 2, "9")]


def test_a_progress_bar_outside_of_nodes_has_no_receiver() -> None:
    bar = utils.ProgressBar(4)
    bar.update(3)
    assert bar.current == 3


@pytest.mark.parametrize(("name", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_a_preview_is_encoded_and_at_most_as_large_as_asked(name: str, media_type: str, tmp_path: Path) -> None:
    reports = Reports()
    with entered(reports.node()):
        utils.ProgressBar(1).update_absolute(1, preview=(name, Image.new("RGB", (300, 100)), 150))
    ((data, received_type),) = reports.previews
    (tmp_path / "preview").write_bytes(data)
    with Image.open(tmp_path / "preview") as picture:
        assert (picture.size, picture.format, received_type) == ((150, 50), name, media_type)


def test_an_interrupt_reaches_a_node_through_its_progress() -> None:
    with entered(Reports(interrupt_at=2).node()):
        bar = utils.ProgressBar(4)
        bar.update(1)
        with pytest.raises(RunInterruptedError):
            bar.update(1)
        with pytest.raises(model_management.InterruptProcessingException):
            model_management.throw_exception_if_processing_interrupted()
        assert model_management.processing_interrupted()
    model_management.throw_exception_if_processing_interrupted()


def test_the_call_of_a_node_is_known() -> None:
    with entered(Reports().node()):
        assert get_executing_context() == ("prompt", "7", 0)
    assert get_executing_context() is None


def test_a_sampler_s_callback_reports_its_steps() -> None:
    reports, latest = Reports(), dict[str, Any]()
    latent = torch.zeros(1)
    with entered(reports.node()):
        latent_preview.prepare_callback(None, 3, latest)(0, latent, latent, 3)
    assert reports.received == [(1, 3, None)]
    assert latest["x0"] is latent


def test_weights_are_written_and_read_as_safetensors_with_metadata(tmp_path: Path) -> None:
    file = str(tmp_path / "x.safetensors")
    utils.save_torch_file({"a": torch.ones(2)}, file, metadata={"kind": "test"})
    state, metadata = utils.load_torch_file(file, return_metadata=True)
    assert state["a"].tolist() == [1, 1]
    assert metadata == {"kind": "test"}
    assert b"kind" in (utils.safetensors_header(file) or b"")


class RunsCode:
    """A pickle that would run code when it is read."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._target,)


def test_a_pickle_is_read_for_its_tensors_and_runs_no_code(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(2)}}, tmp_path / "x.pth")
    assert utils.load_torch_file(str(tmp_path / "x.pth"))["a"].tolist() == [1, 1]
    torch.save(RunsCode(tmp_path / "ran"), tmp_path / "bad.pth")
    with pytest.raises(pickle.UnpicklingError):
        utils.load_torch_file(str(tmp_path / "bad.pth"))
    assert not (tmp_path / "ran").exists()


def test_entries_are_renamed_by_prefix() -> None:
    state = {"old.a": 1, "old.b": 2, "other": 3}
    assert utils.state_dict_prefix_replace(dict(state), {"old.": "new."}, filter_keys=True) == {"new.a": 1, "new.b": 2}
    assert utils.state_dict_prefix_replace(state, {"old.": "new."}) == {"other": 3, "new.a": 1, "new.b": 2}
    assert utils.state_dict_key_replace(state, {"other": "one", "none": "two"})["one"] == 3


def test_attributes_are_set_by_their_path() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(1, 1))
    utils.set_attr_param(module, "0.weight", torch.full((1, 1), 3.0))
    assert utils.get_attr(module, "0.weight").item() == 3
    assert utils.calculate_parameters(module.state_dict()) == 2


def test_noise_depends_on_the_seed_and_the_number_in_the_batch() -> None:
    latents = torch.zeros(3, 4, 8, 8)
    seed = (1 << 63) + 5
    assert torch.equal(sample.prepare_noise(latents, seed), sample.prepare_noise(latents, seed))
    picked = sample.prepare_noise(latents, seed, [2, 0, 2])
    assert torch.equal(picked[0], picked[2])
    assert not torch.equal(picked[0], picked[1])


def test_conditioning_gets_values_without_a_change_of_the_original() -> None:
    conditioning: list[Any] = [["text", {"areas": [1]}]]
    changed = node_helpers.conditioning_set_values(conditioning, {"strength": 2, "areas": [3]}, append=True)
    assert changed == [["text", {"areas": [1, 3], "strength": 2}]]
    assert conditioning == [["text", {"areas": [1]}]]


def test_alpha_is_added_or_dropped() -> None:
    rgb, rgba = torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 2, 4)
    assert node_helpers.image_alpha_fix(rgb, rgba)[1].shape[-1] == 3
    assert node_helpers.image_alpha_fix(rgba, rgb)[1][0, 0, 0].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("mine", "other", "differ"),
    [
        (IO.ANY, "IMAGE", False),
        (IO.NUMBER, "INT", False),
        (IO.PRIMITIVE, IO.NUMBER, False),
        (IO.IMAGE, "IMAGE", False),
        (IO.NUMBER, "STRING", True),
        (IO.IMAGE, "MASK", True),
    ],
)
def test_socket_types_are_compatible_if_one_contains_the_other(mine: str, other: str, differ: bool) -> None:
    assert (mine != other) is differ


def test_nodes_compute_on_a_device_that_there_is() -> None:
    device = model_management.get_torch_device()
    assert torch.zeros(1, device=device).device.type == device.type
    assert model_management.intermediate_device() == torch.device("cpu")
    assert 0 < model_management.get_free_memory(device) <= model_management.get_total_memory(device)
