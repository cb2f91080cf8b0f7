"""The document says what the gateway does."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate
from tools.openapi import write_openapi

from atelier_mesh.gateway.contract import read_methods
from tests.gateway.mesh import FOLDER, Gateway

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text())
GENERATE = DOCUMENT["paths"]["/api/v1/images/generate"]["post"]
GENERATE_VIDEO = DOCUMENT["paths"]["/api/v1/videos/generate"]["post"]
SUBMITS = pytest.mark.parametrize("submit", [GENERATE, GENERATE_VIDEO], ids=["image", "video"])


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """What is wrong with `value`, by a schema of the document."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)

    assert DOCUMENT["openapi"] == "3.1.0"


def test_every_public_route_is_described_and_nothing_else() -> None:
    routes = {
        (binding.template, binding.verb.lower())
        for method in read_methods(FOLDER / "atelier.binpb")
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


def test_a_frame_tells_what_may_be_asked_of_it() -> None:
    frame = DOCUMENT["paths"]["/api/v1/videos/{id}/frames/{index}"]["get"]

    places = {parameter["name"]: parameter["in"] for parameter in frame["parameters"]}
    assert places == {"id": "path", "index": "path", "format": "query", "width_px": "query"}


@SUBMITS
def test_the_examples_keep_the_rules(submit: dict[str, Any]) -> None:
    media = submit["requestBody"]["content"]["application/json"]

    assert media["examples"]
    for example in media["examples"].values():
        assert not problems(media["schema"], example["value"])


@SUBMITS
def test_submits_tell_their_headers_and_their_answers(submit: dict[str, Any]) -> None:
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

    assert set(answer["content"]) == {"application/json", "text/event-stream"}


def test_only_the_signing_keys_need_no_credentials() -> None:
    public = {
        path
        for path, verbs in DOCUMENT["paths"].items()
        for operation in verbs.values()
        if operation.get("security") == []
    }

    assert public == {"/.well-known/jwks.json", "/api/v1/.well-known/jwks.json"}


def test_the_document_is_the_same_every_time(tmp_path: Path) -> None:
    without_comments = FOLDER / "atelier.binpb"

    write_openapi(without_comments, tmp_path / "one.json")
    write_openapi(without_comments, tmp_path / "two.json")

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.asyncio(loop_scope="session")
async def test_what_the_gateway_answers_is_what_the_document_says(gateway: Gateway, ada: dict[str, str]) -> None:
    schemas = {name: {"$ref": f"#/components/schemas/{name}"} for name in ("Image", "Video", "Status")}

    image = await gateway.rest.post("/api/v1/images/generate", headers=ada, json={"prompt": "x", "width_px": 64})
    video = await gateway.rest.post("/api/v1/videos/generate", headers=ada, json={"prompt": "x", "frames": 8})
    error = await gateway.rest.get("/api/v1/images/none", headers=ada)
    own_error = await gateway.rest.get("/api/v1/images?foo=1", headers=ada)

    assert not problems(schemas["Image"], image.json())
    assert not problems(schemas["Video"], video.json())
    assert not problems(schemas["Status"], error.json())
    assert not problems(schemas["Status"], own_error.json())
