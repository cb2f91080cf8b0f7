"""The environment of hosts: the variables that every program needs, and no credentials."""

from collections.abc import Mapping
from pathlib import Path

_PASSED = (
    "PATH", "LANG", "LANGUAGE", "TZ", "TERM", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_HOME",
    "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "SSL_CERT_FILE", "VIRTUAL_ENV",
)  # fmt: skip


def host_environment(environment: Mapping[str, str], home: Path | None, also: tuple[str, ...]) -> dict[str, str]:
    """Returns the environment of a host: the variables that every program needs, and those that `also` names.

    Args:
        environment: The environment to choose from.
        home: The host's home and folder of temporary files; None for those of the environment.
        also: Names of further variables.
    """
    names = {*_PASSED, *also, *(name for name in environment if name.startswith("LC_"))}
    if home is None:
        names |= {"HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME"}
    chosen = {name: environment[name] for name in names if name in environment}
    if home is not None:
        chosen |= {"HOME": str(home), "TMPDIR": str(home)}
    return {**chosen, "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1"}
