"""Every reason that the code gives: read from its syntax tree, so that none is told and not documented."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from atelier_gateway.replies import REPLIES, TOKEN_REPLIES
from atelier_service import errors

ROOT = Path(__file__).parents[2]

_SERVER_SIDE = (
    "libs/atelier_service", "libs/atelier_jobs", "libs/atelier_artifacts", "libs/atelier_models",
    "libs/atelier_drawing", "libs/atelier_diffusion", "libs/atelier_media", "services", "gateway",
)  # fmt: skip
_CLIENT_SIDE = ("libs/atelier_client",)

# Whose first argument is a reason.
_ERRORS = frozenset(
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.AtelierError)
)
# Those of frames and clips are told by the worker that writes them. Nobody reads clips: what ClipReadError says of our
# own files is a bug, and told as INTERNAL.
_FAILURES = frozenset({"JobFault", "Failure", "EngineError", "ModelLoadError", "MediaError", "ClipWriteError"})
_CLIENT_ERRORS = frozenset({"AtelierApiError"})  # whose second one is

_REASON = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


@cache
def told_by_services() -> dict[str, str]:
    """Reasons of the services, the workers and the engine, with a place where each is given."""
    return dict(_walk(_SERVER_SIDE, _ERRORS | _FAILURES, 0))


def told_by_gateway() -> dict[str, str]:
    """Reasons that Envoy gives itself, in its local replies and in rest.lua."""
    lua = (ROOT / "gateway/atelier_gateway/envoy/rest.lua").read_text("utf-8")
    found = dict.fromkeys(re.findall(r'\bstatus\(\d+, "([A-Z_]+)"', lua), "gateway/atelier_gateway/envoy/rest.lua")
    replies = (*REPLIES, *TOKEN_REPLIES.values())
    return found | {reply.reason: "gateway/atelier_gateway/replies.py" for reply in replies} | {"INTERNAL": "replies"}


def told_by_client() -> dict[str, str]:
    """Reasons that the client library makes up itself: no answer came, or none that it understands."""
    return dict(_walk(_CLIENT_SIDE, _CLIENT_ERRORS, 1))


def _walk(folders: tuple[str, ...], names: frozenset[str], place: int) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "testing" in file.parts:
                continue
            for reason, line in _in_tree(ast.parse(file.read_text("utf-8")), names, place):
                yield reason, f"{file.relative_to(ROOT)}:{line}"


def _in_tree(tree: ast.Module, names: frozenset[str], place: int) -> Iterator[tuple[str, int]]:
    heirs = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id in names for base in node.bases)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in heirs:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Call) and _is_super_init(inner):
                    yield from _constants(inner, place)
        elif isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else ""
            if called in names | heirs:
                yield from _constants(node, place)
            for keyword in node.keywords:
                if keyword.arg is not None and keyword.arg.endswith("reason"):
                    yield from _strings(keyword.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _names_reason(node):
            yield from _strings(node.value)


def _is_super_init(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and function.attr == "__init__"


def _constants(call: ast.Call, place: int) -> Iterator[tuple[str, int]]:
    if len(call.args) > place:
        yield from _strings(call.args[place])


def _names_reason(assignment: ast.Assign | ast.AnnAssign) -> bool:
    """`reason = …` and `reason, message = …`."""
    targets = assignment.targets if isinstance(assignment, ast.Assign) else [assignment.target]
    return any(isinstance(n, ast.Name) and n.id == "reason" for target in targets for n in ast.walk(target))


def _strings(value: ast.expr) -> Iterator[tuple[str, int]]:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _REASON.fullmatch(node.value):
            yield node.value, node.lineno
