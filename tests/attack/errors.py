"""What every refusal looks like, however strange the request was."""

import re

import httpx2

_OF_THE_PROGRAM = re.compile(
    r"Traceback|\.py\b|Error\b.*line|object at 0x|google\.protobuf|SELECT |sqlalchemy|/home/|/tmp/"
)


def reason(answer: httpx2.Response, *, traced: bool = True) -> str:
    """Returns the reason of the one ErrorInfo of an error.

    Raises:
        AssertionError: The answer is a success, has another shape, has no trace id, or tells of the program behind it.
    """
    assert answer.status_code >= 400, answer.text
    assert not _OF_THE_PROGRAM.search(answer.text), answer.text
    assert not traced or re.fullmatch("[0-9a-f]{32}", answer.headers.get("x-trace-id", "")), answer.headers
    details = answer.json()["details"]
    (info,) = [d for d in details if d["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"]
    assert info["domain"] == "atelier"
    found: str = info["reason"]
    return found
