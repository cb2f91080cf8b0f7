"""google.rpc.Status as JSON: the body of every error."""

from tools.openapi_rules import Schema

DETAILS = ("google.rpc.BadRequest", "google.rpc.ErrorInfo", "google.rpc.RetryInfo")
"""Full names of what the details of an error may be."""


def tagged(full_name: str, schema: Schema) -> Schema:
    """The schema of a detail, with the `@type` that tells which one it is."""
    tag = {"type": "string", "const": f"type.googleapis.com/{full_name}", "description": "Which detail this is."}
    return {
        **schema,
        "properties": {"@type": tag, **schema["properties"]},
        "required": ["@type", *schema.get("required", [])],
    }


def status_schema(details: dict[str, Schema]) -> Schema:
    """The schema of an error. `details` refers to the schemas of the details, by full name."""
    return {
        "type": "object",
        "description": "What went wrong. Holds exactly one `ErrorInfo`, whose `reason` is stable.",
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "google.rpc.Code."},
            "message": {"type": "string", "description": "One sentence for a person."},
            "details": {
                "type": "array",
                "description": "One `ErrorInfo`; `BadRequest` names wrong fields, `RetryInfo` says when to try again.",
                "items": {
                    "oneOf": [schema for _, schema in sorted(details.items())],
                    "discriminator": {
                        "propertyName": "@type",
                        "mapping": {
                            f"type.googleapis.com/{name}": schema["$ref"] for name, schema in sorted(details.items())
                        },
                    },
                },
            },
        },
        "required": ["code", "message", "details"],
    }
