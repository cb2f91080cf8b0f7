"""Configuration errors: one line of text, and an exit status that stops a supervisor from restarting the process."""

import os
from collections.abc import Iterator
from typing import TypeVar

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from pydantic_settings.exceptions import SettingsError

from atelier_service.errors import FailedPreconditionError

EXIT_STATUS = os.EX_CONFIG
"""78 (`EX_CONFIG`): the process ended because of its configuration, and would do so again after a restart."""

_LONGEST_VALUE = 80  # characters of a value that is shown

S = TypeVar("S", bound=BaseSettings)


class ConfigurationError(Exception):
    """A setting, or a file that a setting names, is invalid. The message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def read(settings: type[S]) -> S:
    """Reads settings from the environment. Raises ConfigurationError, which names each invalid variable."""
    try:
        return settings()
    except ValidationError as error:
        raise ConfigurationError("; ".join(_wrong_fields(settings, error))) from None
    except SettingsError as error:  # invalid JSON, which may be a secret: the message does not contain it
        named = [name for name in settings.model_fields if f'"{name}"' in str(error)]
        raise ConfigurationError("; ".join(f"{_variable(settings, n)}: should be JSON" for n in named)) from None


def configuration_error(error: BaseException) -> ConfigurationError | None:
    """Returns `error` as a ConfigurationError; None when it has another cause.

    A FailedPreconditionError is converted: during the start it means that stored data do not match the settings. A
    group of exceptions is searched.
    """
    if isinstance(error, ConfigurationError):
        return error
    if isinstance(error, FailedPreconditionError):
        return ConfigurationError(error.message)
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := configuration_error(inner))), None)
    return None


def _variable(settings: type[BaseSettings], name: str) -> str:
    return f"{settings.model_config.get('env_prefix', '')}{name}".upper()


def _wrong_fields(settings: type[BaseSettings], error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_context=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        field = settings.model_fields.get(name)
        text = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if field is None:
            yield text
            continue
        shown = _shown(field, fault["input"])
        yield f"{_variable(settings, name)}{shown}: {text[:1].lower()}{text[1:]} ({field.description})"


def _shown(field: FieldInfo, value: object) -> str:
    """Returns `=value`; the empty string when the value may be a secret."""
    if not field.repr or SecretStr.__name__ in str(field.annotation) or not isinstance(value, str):
        return ""
    return "=" + (value if len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "…")
