"""The document says what the gateway does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from tools.openapi import write_openapi

from atelier_gateway.contract import read_methods
from atelier_gateway.settings import FILES
from tests.documented import DOCUMENT, problems
from tests.gateway.mesh import Gateway

GENERATE = DOCUMENT["paths"]["/api/v1/images/generate"]["post"]
GENERATE_VIDEO = DOCUMENT["paths"]["/api/v1/videos/generate"]["post"]
SUBMITS = pytest.mark.parametrize("submit", [GENERATE, GENERATE_VIDEO], ids=["image", "video"])


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation, with the name that a test's message gives it."""
    for path, verbs in DOCUMENT["paths"].items():
        for verb, operation in verbs.items():
            yield f"{verb.upper()} {path}", operation


def answer_of(operation: dict[str, Any], status: str) -> dict[str, Any]:
    """One answer of an operation, its reference followed."""
    return followed(operation["responses"][status])


def followed(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document, its reference followed."""
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    found: dict[str, Any] = DOCUMENT["components"][kind][name]
    return found


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)

    assert DOCUMENT["openapi"] == "3.1.0"


def test_every_public_route_is_described_and_nothing_else() -> None:
    routes = {
        (binding.template, binding.verb.lower())
        for method in read_methods(FILES / "atelier.binpb")
        for binding in method.bindings
    }

    assert {(path, verb) for path, verbs in DOCUMENT["paths"].items() for verb in verbs} == routes
    for name in ("CreateServiceToken", "CreateDelegatedToken", "DeleteJobAssets"):
        assert name not in json.dumps(DOCUMENT)


def test_every_operation_and_every_field_has_a_description() -> None:
    for path, verbs in DOCUMENT["paths"].items():
        for verb, operation in verbs.items():
            assert operation["description"], (path, verb)
            assert operation["summary"], (path, verb)
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, value in schema.get("properties", {}).items():
            assert value.get("description"), (name, field)


@pytest.mark.parametrize(
    ("body", "is_valid"),
    [
        ({"prompt": "x"}, True),
        ({"prompt": ""}, False),
        ({}, False),
        ({"prompt": "x" * 4001}, False),
        ({"prompt": "x", "width_px": 64}, True),
        ({"prompt": "x", "width_px": 65}, False),
        ({"prompt": "x", "width_px": 4096}, False),
        ({"prompt": "x", "steps": 150_000}, False),
        ({"prompt": "x", "steps": "20"}, False),
        ({"prompt": "x", "scheduler": "DDIM"}, True),
        ({"prompt": "x", "scheduler": "NOPE"}, False),
        ({"prompt": "x", "width": 64}, False),
        ({"prompt": "x", "count": 9}, False),
        ({"prompt": "x", "metadata": {"a": "b"}}, True),
        ({"prompt": "x", "metadata": {"": "b"}}, False),
        ({"prompt": "x", "metadata": {str(n): "" for n in range(33)}}, False),
    ],
)
def test_the_rules_of_the_contract_bind_a_request(body: dict[str, Any], is_valid: bool) -> None:
    schema = GENERATE["requestBody"]["content"]["application/json"]["schema"]

    assert (not problems(schema, body)) == is_valid


@pytest.mark.parametrize(
    ("body", "is_valid"),
    [
        ({"prompt": "x"}, True),
        ({}, False),
        ({"prompt": "x", "frames": 16, "frame_rate_hz": 12.5, "container": "WEBM"}, True),
        ({"prompt": "x", "frames": 0}, False),
        ({"prompt": "x", "frames": 9001}, False),
        ({"prompt": "x", "frame_rate_hz": 0}, False),
        ({"prompt": "x", "frame_rate_hz": 241}, False),
        ({"prompt": "x", "container": "mp4"}, False),
        ({"prompt": "x", "container": 99}, False),
        ({"prompt": "x", "height_px": 65}, False),
    ],
)
def test_the_rules_of_the_contract_bind_a_video(body: dict[str, Any], is_valid: bool) -> None:
    schema = GENERATE_VIDEO["requestBody"]["content"]["application/json"]["schema"]

    assert (not problems(schema, body)) == is_valid


def test_a_frame_documents_its_parameters() -> None:
    frame = DOCUMENT["paths"]["/api/v1/videos/{id}/frames/{index}"]["get"]

    places = {parameter["name"]: parameter["in"] for parameter in frame["parameters"]}
    assert places == {
        "id": "path", "index": "path", "format": "query", "width_px": "query", "If-None-Match": "header",
    }  # fmt: skip


@SUBMITS
def test_the_examples_keep_the_rules(submit: dict[str, Any]) -> None:
    media = submit["requestBody"]["content"]["application/json"]

    assert media["examples"]
    for example in media["examples"].values():
        assert not problems(media["schema"], example["value"])


@SUBMITS
def test_submits_document_their_headers_and_responses(submit: dict[str, Any]) -> None:
    headers = {parameter["name"] for parameter in submit["parameters"] if parameter["in"] == "header"}

    assert headers == {"Prefer", "Idempotency-Key"}
    assert {"200", "202", "400", "401", "409", "429", "503"} <= set(submit["responses"])


@pytest.mark.parametrize("kind", ["images", "videos"])
def test_content_is_binary_and_comes_in_parts(kind: str) -> None:
    content = DOCUMENT["paths"][f"/api/v1/{kind}/{{id}}/content"]["get"]

    assert "Range" in {parameter["name"] for parameter in content["parameters"]}
    assert {"200", "206", "304", "404", "416"} <= set(content["responses"])


@pytest.mark.parametrize("kind", ["images", "videos"])
def test_streams_come_as_lines_and_as_events(kind: str) -> None:
    answer = DOCUMENT["paths"][f"/api/v1/{kind}/{{id}}/events"]["get"]["responses"]["200"]

    assert set(answer["content"]) == {"application/x-ndjson", "text/event-stream"}


def test_operations_are_named_as_functions_are_and_summed_up_in_a_line() -> None:
    names = [operation["operationId"] for _, operation in operations()]

    assert {"generateImage", "listImages", "watchVideo", "createAsset", "getJwks"} <= set(names)
    assert len(names) == len(set(names))
    for name, operation in operations():
        assert re.fullmatch(r"[a-z][A-Za-z]+2?", operation["operationId"]), name
        assert 4 <= len(operation["summary"]) <= 80, name


def test_what_is_always_in_a_response_is_required() -> None:
    schemas = DOCUMENT["components"]["schemas"]

    assert {"id", "state", "parameters", "outputs", "links", "create_time"} <= set(schemas["Image"]["required"])
    assert not {"error", "start_time", "finish_time"} & set(schemas["Image"]["required"])
    assert {"type", "time", "seq"} <= set(schemas["Event"]["required"])
    assert "snapshot" not in schemas["Event"]["required"]
    assert schemas["GenerationParametersInput"]["required"] == ["prompt"]


def test_no_enum_has_the_unspecified_value() -> None:
    assert "UNSPECIFIED" not in json.dumps(DOCUMENT)
    assert DOCUMENT["components"]["schemas"]["Event"]["properties"]["type"]["enum"][0] == "generation.snapshot"


def test_no_parameter_is_for_services_only() -> None:
    upload = DOCUMENT["paths"]["/api/v1/assets"]["post"]

    assert [parameter["name"] for parameter in upload["parameters"]] == ["filename"]
    assert "Services only" not in json.dumps([operation.get("parameters") for _, operation in operations()])


def test_bytes_have_their_media_types() -> None:
    upload = DOCUMENT["paths"]["/api/v1/assets"]["post"]["requestBody"]["content"]
    clip = DOCUMENT["paths"]["/api/v1/videos/{id}/content"]["get"]["responses"]["200"]["content"]

    assert {"image/png", "video/webm", "application/octet-stream"} <= set(upload)
    assert {"video/mp4", "image/png"} <= set(clip)
    assert '"*/*"' not in json.dumps(DOCUMENT)


def test_inputs_have_no_other_fields_than_those_of_the_contract() -> None:
    for name, operation in operations():
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            if media == "application/json":
                schema = DOCUMENT["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
                assert schema["additionalProperties"] is False, name


def test_every_json_response_has_an_example_that_matches_its_schema() -> None:
    seen = 0
    for name, operation in operations():
        for status in operation["responses"]:
            for media, content in answer_of(operation, status).get("content", {}).items():
                if status.startswith("2") and media in ("application/json", "application/x-ndjson"):
                    assert content.get("examples"), (name, status)
                if media == "text/event-stream":
                    continue
                for example in map(followed, content.get("examples", {}).values()):
                    assert not problems(content["schema"], example["value"]), (name, status)
                    seen += 1
    assert seen > 100


def test_every_operation_has_the_errors_that_any_request_may_get() -> None:
    for name, operation in operations():
        assert {"400", "408", "429", "431", "500", "503", "504", "default"} <= set(operation["responses"]), name
        if operation.get("security") != []:
            assert {"401", "403"} <= set(operation["responses"]), name


@pytest.mark.parametrize(
    ("route", "status"),
    [
        ("DELETE /api/v1/assets/{id}", "409"),
        ("PUT /api/v1/images/{id}", "200"),
        ("PUT /api/v1/images/{id}", "202"),
        ("POST /api/v1/assets", "413"),
        ("GET /api/v1/videos/{id}/frames/{index}", "304"),
    ],
)
def test_statuses_that_the_contract_names_are_documented(route: str, status: str) -> None:
    assert status in dict(operations())[route]["responses"]


def test_responses_have_their_headers() -> None:
    of = dict(operations())
    submit, content = of["POST /api/v1/images/generate"], of["GET /api/v1/images/{id}/content"]

    assert {"Location", "Preference-Applied", "X-RateLimit-Remaining"} <= set(answer_of(submit, "202")["headers"])
    assert {"ETag", "Accept-Ranges"} <= set(answer_of(content, "200")["headers"])
    assert {"ETag", "Content-Range"} <= set(answer_of(content, "206")["headers"])
    assert "Retry-After" in answer_of(submit, "429")["headers"]
    assert "Allow" in answer_of(submit, "default")["headers"]
    for name, operation in operations():
        for status in operation["responses"]:
            assert "X-Trace-Id" in answer_of(operation, status)["headers"], (name, status)


def test_details_of_errors_are_discriminated_by_their_type() -> None:
    items = DOCUMENT["components"]["schemas"]["Status"]["properties"]["details"]["items"]

    assert items["discriminator"]["propertyName"] == "@type"
    for tag, target in items["discriminator"]["mapping"].items():
        schema = DOCUMENT["components"]["schemas"][target.rpartition("/")[2]]
        assert schema["properties"]["@type"]["const"] == tag
        assert "@type" in schema["required"]


def test_only_the_signing_keys_need_no_credentials() -> None:
    public = {
        path
        for path, verbs in DOCUMENT["paths"].items()
        for operation in verbs.values()
        if operation.get("security") == []
    }

    assert public == {"/.well-known/jwks.json", "/api/v1/.well-known/jwks.json"}


@pytest.mark.parametrize(
    ("route", "scope"),
    [
        ("GET /api/v1/images", "read"),
        ("POST /api/v1/images/generate", "submit"),
        ("DELETE /api/v1/auth/keys/{id}", "keys"),
        ("POST /api/v1/models/{id}/load", "admin"),
    ],
)
def test_an_operation_names_the_scope_that_it_needs(route: str, scope: str) -> None:
    operation = dict(operations())[route]

    assert operation["security"] == [{"bearer": [scope]}, {"apiKey": [scope]}]
    assert operation["description"].endswith(f"Scope: `{scope}`.")


def test_the_document_is_the_same_every_time(tmp_path: Path) -> None:
    without_comments = FILES / "atelier.binpb"

    write_openapi(without_comments, tmp_path / "one.json")
    write_openapi(without_comments, tmp_path / "two.json")

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.asyncio(loop_scope="session")
async def test_responses_of_the_gateway_match_the_document(gateway: Gateway, ada: dict[str, str]) -> None:
    schemas = {name: {"$ref": f"#/components/schemas/{name}"} for name in ("CreateTokenResponse", "Status")}

    token = await gateway.rest.post("/api/v1/auth/token", headers=ada)
    error = await gateway.rest.get("/api/v1/images/none", headers=ada)
    own_error = await gateway.rest.get("/api/v1/images?foo=1", headers=ada)

    assert not problems(schemas["CreateTokenResponse"], token.json())
    assert not problems(schemas["Status"], error.json())
    assert not problems(schemas["Status"], own_error.json())
