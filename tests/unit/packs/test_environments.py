"""A pack's requirements are installed into an environment of its own, which replaces nothing of the host's."""

import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from atelier_nodes.packs.environment import PackEnvironment
from atelier_nodes.packs.installation import InstallationError, host_versions, install_requirements
from atelier_nodes.packs.loading import load_packs
from atelier_nodes.packs.pack import Pack
from tests.unit.packs.pack_folder import PackFolder, pack


def make_wheel(folder: Path, version: str = "1.0") -> Path:
    """Makes a package that is in no registry."""
    path = folder / f"made_for_a_pack-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("made_for_a_pack.py", f"VALUE = {version!r}\n")
        info = f"made_for_a_pack-{version}.dist-info"
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: made-for-a-pack\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return make_wheel(tmp_path)


def write_pack(packs: PackFolder, requirements: str, name: str = "needs") -> Pack:
    packs.write(f"{name}/__init__.py", "from made_for_a_pack import VALUE\n" + pack("Needs"))
    packs.write(f"{name}/requirements.txt", requirements)
    return Pack.at(packs.path / name)


async def test_without_them_the_report_names_the_command(packs: PackFolder) -> None:
    path = write_pack(packs, "# comment\nmade-for-a-pack>=1 # why\nnumpy\n").path
    (report,) = (await load_packs([packs.path])).reports
    assert report.error == "module 'made_for_a_pack' is not installed (needs/__init__.py:1)"
    assert report.notes == (f"requirements are not installed (made-for-a-pack>=1): run `atelier nodes install {path}`",)


async def test_a_pack_that_loads_without_them_is_loaded(packs: PackFolder) -> None:
    packs.write("optional/__init__.py", pack("Optional"))
    packs.write("optional/requirements.txt", "made-for-a-pack\n")
    (report,) = (await load_packs([packs.path])).reports
    assert (report.nodes, report.error, len(report.notes)) == (("Optional",), "", 1)


async def test_what_the_host_has_needs_no_environment(packs: PackFolder) -> None:
    requirements = "numpy>=1\ntorch\nPillow\nwinreg-tools; sys_platform == 'win32'\n"
    packs.write("met/__init__.py", pack("Met"))
    packs.write("met/requirements.txt", requirements)
    (report,) = (await load_packs([packs.path])).reports
    assert report.notes == ()


async def test_installed_requirements_are_found_after_the_host_s_own(packs: PackFolder, wheel: Path) -> None:
    environment = install_requirements(write_pack(packs, f"{wheel}\nnumpy\n"))
    (report,) = (await load_packs([packs.path])).reports
    assert (report.nodes, report.error, report.notes) == (("Needs",), "", ())
    assert sys.path.index(str(environment.site_packages)) > sys.path.index(sysconfig.get_path("purelib"))
    assert not (environment.site_packages / "numpy").exists()
    del sys.modules["made_for_a_pack"]


async def test_of_two_versions_of_a_package_the_first_pack_s_is_used_and_the_second_pack_has_a_note(
    packs: PackFolder, tmp_path: Path
) -> None:
    for name, version in (("a", "1.0"), ("b", "2.0")):
        install_requirements(write_pack(packs, f"{make_wheel(tmp_path, version)}\n", name))
    first, second = (await load_packs([packs.path])).reports
    assert (first.error, first.notes) == ("", ())
    assert second.notes == (
        "it brings made-for-a-pack 2.0, but gets 1.0 of pack 'a', which is loaded before it",
        "Needs: it replaces the node of this name of custom_nodes.a",
    )
    del sys.modules["made_for_a_pack"]


def test_changed_requirements_must_be_installed_again(packs: PackFolder, wheel: Path) -> None:
    needs = write_pack(packs, f"{wheel}\n")
    environment = install_requirements(needs)
    assert environment.is_installed()
    packs.write("needs/requirements.txt", f"{wheel}\nmade-for-another\n")
    assert not PackEnvironment.of(needs).is_installed()


def test_what_would_replace_a_package_of_the_host_is_refused(packs: PackFolder) -> None:
    needs = write_pack(packs, "numpy<1\n")
    with pytest.raises(InstallationError, match="numpy"):
        install_requirements(needs)
    assert not PackEnvironment.of(needs).is_installed()


def test_a_pack_without_requirements_has_nothing_to_install(packs: PackFolder) -> None:
    packs.write("one.py", pack("One"))
    with pytest.raises(InstallationError, match=r"has no requirements\.txt"):
        install_requirements(Pack.at(packs.path / "one.py"))


def test_every_package_of_the_host_is_a_constraint() -> None:
    assert any(line.startswith("torch==") for line in host_versions())
