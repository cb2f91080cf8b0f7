"""Strangers: no credential, or a forged one."""

import base64
import json
import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.attack.errors import reason
from tests.attack.strength import attack, times
from tests.gateway.routes import every_closed_route
from tests.mesh.picture import generate
from tests.mesh.running_mesh import RunningMesh

POISON = [
    ("grpc-timeout", "x"), ("grpc-timeout", "99999999999999S"), ("grpc-encoding", "rot13"), ("grpc-status", "0"),
    ("grpc-message", "%ff"), ("grpc-previous-rpc-attempts", "-1"), ("grpc-trace-bin", "!!!"), ("x-bin", "not base64"),
    ("grpc-tags-bin", "=" * 300), ("grpc-accept-encoding", "\x7f"), ("te", "gzip"), ("a+b", "1"), ("x-foo!", "1"),
]  # fmt: skip


@attack(
    "a stranger", "gRPC headers that are none, on the public routes", "API keys and deadlines of others go on working"
)
def test_poisoned_headers_of_a_stranger_disturb_nobody(
    besieged: RunningMesh, stranger: httpx2.Client, victim: httpx2.Client
) -> None:
    for k in range(times(8, 200)):
        for name, value in POISON:
            padding = {f"x-pad-{n}": "p" * 50 for n in range(k % 20)}
            answer = stranger.get("/.well-known/jwks.json", headers={name: value, **padding})
            assert answer.status_code in (200, 400), (name, value, answer.text)
        # A new key each time: what auth knows already, it answers from memory.
        fresh = besieged.client(besieged.key_of("victim")) if k % 8 == 7 else besieged.client("")
        with fresh:
            assert victim.get("/api/v1/images").status_code == 200
            if k % 8 == 7:
                assert fresh.get("/api/v1/images").status_code == 200
    assert generate(victim, seed=1)["state"] == "SUCCEEDED"


@attack("a stranger", "every route, without a credential", "401, and nothing of what is there")
@every_closed_route
def test_no_route_opens_without_a_credential(stranger: httpx2.Client, verb: str, path: str) -> None:
    answer = stranger.request(verb, path)
    assert answer.status_code in (400, 401, 415), answer.text
    if answer.status_code == 401:
        assert reason(answer) == "UNAUTHENTICATED"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@attack("a stranger", "tokens of their own making, and edited ones", "401 `TOKEN_INVALID`")
def test_forged_tokens_open_nothing(stranger: httpx2.Client, victim: httpx2.Client) -> None:
    real = victim.post("/api/v1/auth/token", json={}).json()["access_token"]
    header, claims, signature = real.split(".")
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged = [
        f"{_part({'alg': 'none'})}.{claims}.",
        f"{_part({'alg': 'HS256'})}.{claims}.{signature}",
        f"{header}.{_part({**decoded, 'sub': 'dev'})}.{signature}",
        f"{header}.{_part({**decoded, 'scope': 'read submit keys admin'})}.{signature}",
        f"{header}.{_part({**decoded, 'exp': decoded['exp'] + 10**9})}.{signature}",
        f"{header}.{claims}.{signature[:-4]}AAAA",
        f"{header}.{claims}.",
    ]
    for token in forged:
        answer = stranger.get("/api/v1/images", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, token
        assert reason(answer) in ("TOKEN_INVALID", "UNAUTHENTICATED")
    assert stranger.get("/api/v1/images", headers={"Authorization": f"Bearer {real}"}).status_code == 200


@attack("a stranger", "wrong API keys, one after the other", "401, and others' keys are checked as fast as before")
def test_a_flood_of_wrong_keys_locks_nobody_out(stranger: httpx2.Client, victim: httpx2.Client) -> None:
    for k in range(times(100, 5000)):
        answer = stranger.get("/api/v1/images", headers={"X-Api-Key": f"atl_{k:012d}_{'x' * 43}"})
        assert answer.status_code == 401
    assert victim.get("/api/v1/images").status_code == 200


@attack("a stranger", "connections that send a header line and no more", "they are closed; everybody else is served")
def test_half_requests_are_closed(besieged: RunningMesh, victim: httpx2.Client) -> None:
    address = urlsplit(besieged.url)
    with ExitStack() as stack:
        opened = []
        for _ in range(times(50, 500)):
            sock = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=60))
            sock.sendall(b"POST /api/v1/images/generate HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            opened.append(sock)
        assert generate(victim, seed=1)["state"] == "SUCCEEDED"
        for sock in opened:
            while sock.recv(4096):  # an answer, then the end
                pass


@attack("a stranger", "headers of all sizes and counts", "one limit: 431 above it, and never 500")
@pytest.mark.parametrize("credential", ["none", "key"])
def test_too_many_headers_are_431(
    besieged: RunningMesh, stranger: httpx2.Client, victims_key: str, credential: str
) -> None:
    known = {"X-Api-Key": victims_key} if credential == "key" else {}
    path = "/api/v1/images" if known else "/.well-known/jwks.json"
    seen: dict[int, int] = {}
    for size in (1_000, 4_000, 8_000, 10_000, 12_000, 14_000, 16_000, 20_000, 40_000, 60_000, 61_000, 80_000):
        for _ in range(times(2, 30)):
            answer = stranger.get(path, headers={**known, "x-large": "v" * size})
            assert answer.status_code in (200, 431), (size, answer.text)
            assert seen.setdefault(size, answer.status_code) == answer.status_code, f"{size}: by lot"
            if answer.status_code == 431:
                assert reason(answer) == "HEADERS_TOO_LARGE"
    assert list(seen.values()) == sorted(seen.values())
    for count in (50, 80, 90, 95, 120, 300):
        answer = stranger.get(path, headers={**known, **{f"x-h{k}": "1" for k in range(count)}})
        assert answer.status_code in (200, 431), (count, answer.text)
    assert stranger.get("/healthz").status_code == 200
