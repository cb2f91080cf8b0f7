"""The body of `POST /prompt`."""

from typing import Any

import pytest

from atelier_comfy.submission import PromptRefusedError, read_submission

ID = "59e9e1eb-bfbb-45b5-b46c-45d339007f2d"


def test_a_submission_takes_the_clients_id_number_and_targets() -> None:
    submission = read_submission(
        {"prompt": {"1": {}}, "prompt_id": ID, "number": "3", "client_id": "me", "partial_execution_targets": ["1"]}
    )
    assert (submission.prompt_id, submission.number, submission.targets) == (ID, 3.0, ["1"])
    assert submission.extra_data == {"client_id": "me"}


def test_keys_of_accounts_are_not_listed() -> None:
    submission = read_submission(
        {"prompt": {}, "extra_data": {"auth_token_comfy_org": "t", "api_key_comfy_org": "k", "x": 1}}
    )
    assert submission.extra_data == {"x": 1}
    assert submission.sensitive == {"auth_token_comfy_org": "t", "api_key_comfy_org": "k"}


def test_the_usage_source_of_the_header_does_not_replace_that_of_the_body() -> None:
    assert read_submission({"prompt": {}}, "ext").extra_data == {"comfy_usage_source": "ext"}
    body = {"prompt": {}, "extra_data": {"comfy_usage_source": "own"}}
    assert read_submission(body, "ext").extra_data == {"comfy_usage_source": "own"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ([], "invalid_body"),
        ("x", "invalid_body"),
        ({}, "no_prompt"),
        ({"prompt": {}, "prompt_id": "x"}, "invalid_prompt_id"),
        ({"prompt": {}, "prompt_id": ID.upper()}, "invalid_prompt_id"),
        ({"prompt": {}, "prompt_id": 7}, "invalid_prompt_id"),
        ({"prompt": {}, "number": "soon"}, "invalid_number"),
        ({"prompt": {}, "number": [1]}, "invalid_number"),
        ({"prompt": {}, "number": float("nan")}, "invalid_number"),
        ({"prompt": {}, "extra_data": [1]}, "invalid_extra_data"),
        ({"prompt": {}, "client_id": 7}, "invalid_client_id"),
        ({"prompt": {}, "partial_execution_targets": "1"}, "invalid_partial_execution_targets"),
    ],
)
def test_a_field_of_a_wrong_type_is_refused_under_a_name_of_its_own(body: Any, kind: str) -> None:
    with pytest.raises(PromptRefusedError) as refused:
        read_submission(body)
    assert refused.value.body["error"]["type"] == kind
    assert refused.value.body["node_errors"] == {}
