"""Flags of `atelier comfy`."""

from pathlib import Path

import pytest

from atelier_comfy.options import OPEN_FLAG, OptionsError, host_environment, read_options, shown_arguments


def test_the_default_is_loopback_and_comfyuis_port() -> None:
    options = read_options([], {})
    assert (options.listen, options.port, options.hosts) == (("127.0.0.1",), 8188, 4)
    assert not options.open_to_all


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.0.0.2", "127.0.0.1,::1"])
def test_loopback_needs_no_flag(address: str) -> None:
    assert not read_options(["--listen", address], {}).open_to_all


@pytest.mark.parametrize("words", [["--listen"], ["--listen", "192.0.2.7"], ["--listen", "127.0.0.1,192.0.2.1"]])
def test_any_other_address_is_refused_in_plain_words_without_the_flag_that_says_them(words: list[str]) -> None:
    with pytest.raises(OptionsError, match="whoever reaches the port can run code"):
        read_options(words, {})
    assert read_options([*words, OPEN_FLAG], {}).open_to_all


def test_flags_of_comfyui_that_mean_nothing_here_are_named_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    options = read_options(["--lowvram", "--reserve-vram", "2", "--port", "9000"], {})
    assert options.port == 9000
    assert capsys.readouterr().err == "atelier comfy: ignored, they mean nothing here: --lowvram --reserve-vram 2\n"


@pytest.mark.parametrize(
    ("words", "cache"),
    [
        ([], "ram"),
        (["--cache-ram"], "ram"),
        (["--cache-ram", "4.5"], "ram:4.5"),
        (["--cache-ram", "4", "8"], "ram:4:8"),
        (["--cache-classic"], "classic"),
        (["--cache-lru", "7"], "lru:7"),
        (["--cache-lru", "0"], "ram"),
        (["--cache-none"], "none"),
    ],
)
def test_each_cache_flag_names_its_cache(words: list[str], cache: str) -> None:
    assert read_options(words, {}).cache == cache


@pytest.mark.parametrize(
    "words",
    [["--port", "70000"], ["--hosts", "0"], ["--cache-lru", "-1"], ["--listen", ","], ["--cache-ram", "1", "2", "3"]],
)
def test_a_wrong_value_is_refused(words: list[str]) -> None:
    with pytest.raises(OptionsError):
        read_options(words, {})


def test_folders_lie_in_the_base_folder_unless_they_are_named(tmp_path: Path) -> None:
    options = read_options(["--base-directory", str(tmp_path), "--output-directory", "elsewhere"], {})
    assert options.input == tmp_path / "input"
    assert options.output == Path.cwd() / "elsewhere"
    assert options.state.parent == tmp_path / "user"


def test_a_server_that_is_started_the_same_way_again_has_the_same_state(tmp_path: Path) -> None:
    base = ["--base-directory", str(tmp_path)]
    state = read_options(base, {}).state
    assert read_options([*base, "--front-end-root", "x", "--hosts", "2", "--lowvram"], {}).state == state
    for other in (["--port", "1"], ["--output-directory", "x"], ["--cache-none"], ["--disable-all-custom-nodes"]):
        assert read_options([*base, *other], {}).state != state
    assert read_options([*base, "--port", "1", "--state-directory", str(state)], {}).state == state


def test_the_key_comes_from_the_environment_or_the_flag() -> None:
    assert read_options(["--mesh", "http://mesh"], {"ATELIER_API_KEY": "a"}).mesh_key == "a"
    assert read_options(["--mesh", "http://mesh", "--key", "b"], {"ATELIER_API_KEY": "a"}).mesh_key == "b"


def test_the_key_is_shown_to_no_client_and_given_to_no_node() -> None:
    assert shown_arguments(["--mesh", "u", "--key", "atl_1", "--key=atl_2", "--cpu"]) == [
        "--mesh",
        "u",
        "--key",
        "…",
        "--key=…",
        "--cpu",
    ]
    assert host_environment(["PATH", "ATELIER_API_KEY", "CUDA_VISIBLE_DEVICES"]) == ("PATH", "CUDA_VISIBLE_DEVICES")
