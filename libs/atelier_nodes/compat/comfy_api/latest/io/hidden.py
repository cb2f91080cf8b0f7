"""Hidden inputs: values of the execution that a node declares."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Hidden(StrEnum):
    """What there is to ask for."""

    prompt = "PROMPT"
    dynprompt = "DYNPROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    unique_id = "UNIQUE_ID"
    auth_token_comfy_org = "AUTH_TOKEN_COMFY_ORG"  # noqa: S105 - the name of a value
    api_key_comfy_org = "API_KEY_COMFY_ORG"
    comfy_usage_source = "COMFY_USAGE_SOURCE"


class HiddenHolder:
    """The hidden inputs of one call; those that the schema does not name are None."""

    def __init__(self, values: Mapping[Hidden, Any]) -> None:
        self.prompt: Any = values.get(Hidden.prompt)
        self.dynprompt: Any = values.get(Hidden.dynprompt)
        self.extra_pnginfo: Any = values.get(Hidden.extra_pnginfo)
        self.unique_id: str | None = values.get(Hidden.unique_id)
        self.auth_token_comfy_org: str | None = values.get(Hidden.auth_token_comfy_org)
        self.api_key_comfy_org: str | None = values.get(Hidden.api_key_comfy_org)
        self.comfy_usage_source: str | None = values.get(Hidden.comfy_usage_source)
