"""Checks before anything is started: the settings of every process, and the names in the environment."""

import difflib
import os
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pydantic_settings import BaseSettings

from atelier_gateway.settings import GatewaySettings
from atelier_mesh.program import Program
from atelier_mesh.settings import MeshSettings
from atelier_service.configuration import ConfigurationError, read
from atelier_service.settings import ServiceSettings

_PREFIX = "ATELIER_"
# The client library and the command read these, often in the same shell.
_CLIENT = frozenset({"ATELIER_URL", "ATELIER_API_KEY", "ATELIER_GRPC", "ATELIER_DEBUG"})


def check_programs(programs: Sequence[Program]) -> list[str]:
    """Reads the settings of all `programs` as these will read them. Returns distinct warnings.

    Raises ConfigurationError, which names the process and the setting.
    """
    warnings: dict[str, None] = {}
    for program in programs:
        if not program.settings:
            continue
        with _environment(program.environment):
            try:
                warnings |= dict.fromkeys(read(_settings_class(program)).check())
            except ConfigurationError as error:
                raise ConfigurationError(f"{program.name}: {error}") from None
    return list(warnings)


def check_names(programs: Sequence[Program], environment: Mapping[str, str]) -> list[str]:
    """Returns a warning for each variable of `environment` that begins like a setting but is none, or has no effect."""
    fields = {program.name: _variables(_settings_class(program)) for program in programs if program.settings}
    own = _variables(MeshSettings) | _CLIENT
    known = own.union(*fields.values())
    warnings = []
    for name in sorted(name for name in environment if name.upper().startswith(_PREFIX)):
        if name.upper() not in known:
            bare = [variable.removeprefix(_PREFIX) for variable in known]
            close = difflib.get_close_matches(name.upper().removeprefix(_PREFIX), bare, n=1)
            hint = f"; did you mean {_PREFIX}{close[0]}?" if close else ""
            warnings.append(f"{name} is no setting{hint}")
        elif name.upper() not in own and all(
            name.upper() in program.environment for program in programs if name.upper() in fields.get(program.name, ())
        ):
            warnings.append(f"{name} has no effect here: the launcher sets it itself")
    return warnings


def _settings_class(program: Program) -> type[ServiceSettings | GatewaySettings]:
    """Resolves the class by its name: the launcher imports no service otherwise."""
    found: type[ServiceSettings | GatewaySettings] = pkgutil.resolve_name(program.settings)
    return found


def _variables(settings: type[BaseSettings]) -> frozenset[str]:
    prefix = settings.model_config["env_prefix"]
    return frozenset(f"{prefix}{name}".upper() for name in settings.model_fields)


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """Adds `more` to the environment of this process while the context is open."""
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
