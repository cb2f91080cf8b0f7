"""Installation of a pack's requirements into its environment, by pip."""

import subprocess
import sys
import sysconfig
import tempfile
import venv
from importlib import metadata
from pathlib import Path

from atelier_nodes.packs.environment import PackEnvironment
from atelier_nodes.packs.pack import Pack


class InstallationError(Exception):
    """Requirements could not be installed; the message has the reason."""


def install_requirements(pack: Pack) -> PackEnvironment:
    """Creates the environment of a pack, in place of an existing one, and installs its requirements there. Blocks.

    The versions of the host's packages are constraints: the installation of a pack that needs another torch fails.

    Raises:
        InstallationError: The pack has no requirements, or pip failed.
    """
    if pack.requirements is None:
        raise InstallationError(f"{pack.path} has no requirements.txt")
    environment = PackEnvironment.of(pack)
    venv.create(environment.path, clear=True, with_pip=False, symlinks=True)
    # With this file pip finds the host's packages, and does not install them again.
    (environment.site_packages / "host.pth").write_text("\n".join(host_site_packages()), "utf-8")
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(host_versions()), "utf-8")
        command = [
            *(sys.executable, "-m", "pip", "--python", str(environment.python), "--disable-pip-version-check"),
            *("install", "--quiet", "--requirement", str(pack.requirements), "--constraint", str(constraints)),
        ]
        finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if finished.returncode != 0:
        raise InstallationError(f"{pack.name}: pip failed\n{finished.stdout.strip()}")
    environment.mark_installed()
    return environment


def host_site_packages() -> list[str]:
    """Returns the folders of the host's own packages."""
    return list(dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))


def host_versions() -> list[str]:
    """Returns the host's own packages, as constraints of pip."""
    folders = host_site_packages()
    return sorted({f"{each.name}=={each.version}" for each in metadata.distributions(path=folders) if each.name})
