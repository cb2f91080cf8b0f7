"""Callers with a key: what is not theirs, and more than their share."""

import json
import random
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.attack.conftest import MAX_STREAMS
from tests.attack.errors import reason
from tests.attack.strength import attack, times
from tests.gateway.routes import METHODS
from tests.mesh.picture import content, generate
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.mesh.story import events_of, payload
from tests.support.wait import eventually
from tests.unit.image.demo_latents import demo_latent
from tests.unit.storage import pictures

PROMPT = {"prompt": "a red circle on a blue background", "steps": 1}


@attack("a caller", "every route with ids of somebody else's", "404, to the letter like an id that never was")
def test_what_is_anothers_is_like_what_never_was(attacker: httpx2.Client, victim: httpx2.Client) -> None:
    image = generate(victim, seed=new_seed())
    asset = image["outputs"][0]["asset_id"]
    ids = {"images": image["id"], "assets": asset, "videos": image["id"], "keys": "000000000000"}
    checked = 0
    for method in METHODS:
        for binding in method.bindings:
            if "{id}" not in binding.template:
                continue
            kind = next((k for k in ids if f"/{k}/" in binding.template), None)
            if kind is None:
                continue
            body = PROMPT if binding.verb == "PUT" else None
            answers = [
                attacker.request(
                    binding.verb, binding.template.replace("{id}", given).replace("{index}", "0"), json=body
                )
                for given in (ids[kind], ids[kind][:-4] + "0000")
            ]
            assert [a.status_code for a in answers] == [404, 404], (binding, [a.text for a in answers])
            assert reason(answers[0]) == reason(answers[1])
            checked += 1
    assert checked > 10
    assert content(victim, victim.get(image["links"]["self"]).json())


@attack(
    "a caller", "somebody else's assets as what an image begins with", "404, to the letter like an id that never was"
)
def test_anothers_asset_is_no_input(attacker: httpx2.Client, victim: httpx2.Client) -> None:
    image = generate(victim, seed=new_seed(), steps=2)
    hers = image["outputs"][0]["asset_id"]
    for field in ("init_image_asset_id", "init_latent_asset_id", "mask_asset_id"):
        answers = [
            attacker.post("/api/v1/images/generate", json={**PROMPT, field: given})
            for given in (hers, hers[:-4] + "0000")
        ]
        assert [a.status_code for a in answers] == [404, 404], [a.text for a in answers]
        assert reason(answers[0]) == reason(answers[1]) == "ASSET_NOT_FOUND"
        assert answers[0].json()["message"] == answers[1].json()["message"]
    assert content(victim, image)


@attack(
    "a caller", "latents that are none, have a header of gigabytes or hold no numbers",
    "refused before they are stored, or the image is FAILED; others' are drawn",
)  # fmt: skip
def test_hostile_latents_harm_nobody(attacker: httpx2.Client, victim: httpx2.Client) -> None:
    binary = {"Content-Type": "application/octet-stream"}
    for body in (
        pictures.tensors(10**9), pictures.latent(dtype="F16"), pictures.latent(shape=[1, 10**9, 6, 8]),
        pictures.latent()[:-1], (2**63).to_bytes(8, "little") + b"{", b"\x80\x04\x95pickle" * 100,
    ):  # fmt: skip
        answer = attacker.post("/api/v1/assets", content=body, headers=binary)
        assert answer.status_code == 400, (body[:20], answer.text)
        assert reason(answer) == "NOT_A_PICTURE"
    for value in (float("nan"), float("inf"), 3e38):
        stored = attacker.post("/api/v1/assets", content=demo_latent(256, 256, value=value), headers=binary).json()
        asked = {**PROMPT, "steps": 2, "start_step": 1, "init_latent_asset_id": stored["id"]}
        answer = attacker.post("/api/v1/images/generate", json=asked, headers={"Prefer": "wait=60"})
        assert answer.json()["state"] in ("SUCCEEDED", "FAILED"), answer.text
    drawn = generate(victim, seed=new_seed(), steps=2)
    assert (drawn["state"], drawn["attempt"]) == ("SUCCEEDED", 1)


@attack("a caller", "random and hostile JSON", "400 with one reason and a trace id; never 500")
def test_hostile_json_is_refused_cleanly(attacker: httpx2.Client) -> None:
    rng = random.Random(8)
    hostile: list[bytes] = [
        b"", b"{", b"[]", b"null", b'"x"', b"{" * 5000, b'{"prompt":' + b"[" * 500, b'{"prompt": "a",}',
        b'{"prompt": "a", "width": 64}', b'{"prompt": "a", "prompt": "b"}', b'{"prompt": {"a": 1}}',
        b'{"prompt": "a", "metadata": {"a": {"b": 1}}}', b'{"prompt": "\xff\xfe"}', b'{"prompt": "\\ud800"}',
        b'{"prompt": "a", "steps": 1e400}', b'{"prompt": "a", "steps": NaN}', b'{"prompt": "a", "seed": -1}',
        b'\xef\xbb\xbf{"prompt": "a"}', b'{"prompt": "a\x00b", "steps": "x"}', b'{"prompt": "a"} {"prompt": "b"}',
    ]  # fmt: skip
    for _ in range(times(50, 3000)):
        base = json.dumps(
            {**PROMPT, "metadata": {"k": "v"}, "width_px": rng.choice([-1, 0, 10**30, "x", None, [], {}])}
        )
        data = bytearray(base.encode())
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        hostile.append(bytes(data))
    for body in hostile:
        answer = attacker.post("/api/v1/images/generate", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 429), (body[:200], answer.text)
        assert reason(answer)


@attack("a caller", "paths and queries that are no text", "400 or 404; never 500")
def test_hostile_paths_are_refused_cleanly(attacker: httpx2.Client) -> None:
    for path in (
        "/api/v1/images/%FF", "/api/v1/images/%00", "/api/v1/images/..%2fassets",
        "/api/v1/assets/x/content?filename=caf%E9.png", "/api/v1/images?page_token=%FF", "/api/v1/images?page_size=x",
        "/api/v1/images?page_token=AAAA", f"/api/v1/images/{'x' * 5000}", "/api/v1/images/$(id)", "/api/v1/images/'--",
    ):  # fmt: skip
        answer = attacker.get(path)
        assert answer.status_code in (400, 404), (path, answer.text)
        # A path that is none is refused before the request has a trace.
        assert reason(answer, traced="%0" not in path and "%2" not in path)


@contextmanager
def _slow_uploads(mesh: RunningMesh, key: str, count: int) -> Iterator[Callable[[], list[int]]]:
    """Begins `count` uploads that send one byte and then nothing, until the end of the context.

    Yields:
        What returns the statuses of those that have been answered so far. A library would read no answer before it has
        sent the whole body, so these are plain sockets.
    """
    address = urlsplit(mesh.url)
    head = f"POST /api/v1/assets HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nContent-Type: image/png\r\n"
    with ExitStack() as stack:
        sockets = []
        for _ in range(count):
            sock = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=60))
            sock.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n1\r\n\x89\r\n".encode("latin-1"))
            sockets.append(sock)

        def statuses() -> list[int]:
            ready, _, _ = select.select(sockets, [], [], 0)
            return [int(sock.recv(12, socket.MSG_PEEK)[9:12]) for sock in ready]

        yield statuses


@attack(
    "a caller",
    "as many uploads that never end as there are slots",
    "429 for them; others' uploads and results are stored",
)
async def test_slow_uploads_starve_nobody(besieged: RunningMesh, attackers_key: str, victim: httpx2.Client) -> None:
    picture = content(victim, generate(victim, seed=1))
    with _slow_uploads(besieged, attackers_key, times(40, 90)) as statuses:
        await eventually(lambda: 429 in statuses(), timeout_s=60)
        stored = victim.post("/api/v1/assets", content=picture, headers={"Content-Type": "image/png"})
        assert stored.status_code in (200, 201), stored.text
        drawn = generate(victim, seed=new_seed(), steps=1)
        assert drawn["state"] == "SUCCEEDED"
        assert drawn["attempt"] == 1


@attack(
    "a caller",
    "more watchers of a job than a caller may have",
    "429 past a limit of each caller; others' jobs and streams go on",
)
def test_watchers_have_a_limit_of_each_caller(
    besieged: RunningMesh, attacker: httpx2.Client, victim: httpx2.Client, attackers_key: str
) -> None:
    headers = {"X-Api-Key": attackers_key}
    waiting = attacker.post("/api/v1/images/generate", json={**PROMPT, "steps": 200, "seed": new_seed()}).json()
    refused: list[httpx2.Response] = []
    limits = httpx2.Limits(max_connections=None)
    with httpx2.Client(base_url=besieged.url, headers=headers, timeout=60, limits=limits) as many:
        opened = []
        for _ in range(MAX_STREAMS + 1):
            request = many.build_request("GET", f"/api/v1/events?job_id={waiting['id']}")
            answer = many.send(request, stream=True)
            opened.append(answer)
            if answer.status_code != 200:
                answer.read()
                refused.append(answer)
                break
        assert refused, "no limit was met"
        assert refused[0].status_code == 429
        assert refused[0].headers["retry-after"]
        assert reason(refused[0]) == "TOO_MANY_STREAMS"
        drawn = generate(victim, seed=new_seed(), steps=1)
        assert payload(list(events_of(victim, drawn["links"]["events"]))[-1])["terminal"]
        for answer in opened:
            answer.close()
    attacker.delete(waiting["links"]["self"])


@attack("a caller", "a stream that breaks at every event", "each resumes: no event is lost, none comes twice")
def test_a_stream_that_breaks_often_misses_nothing(victim: httpx2.Client) -> None:
    for _ in range(times(3, 60)):
        image = victim.post("/api/v1/images/generate", json={**PROMPT, "steps": 8, "seed": new_seed()}).json()
        seen = [0]
        terminal = False
        while not terminal:
            for event in events_of(victim, image["links"]["events"], after_seq=seen[-1]):
                terminal = bool(payload(event).get("terminal"))
                if event["type"] == "generation.progress" and event["seq"] > seen[-1]:
                    seen.append(event["seq"])
                    break  # the connection breaks here
                if terminal:
                    break
        assert seen == list(range(len(seen)))


@attack("a caller", "a token that was made for a page", "it makes no keys and no other tokens with more rights")
def test_a_pages_token_makes_no_keys(besieged: RunningMesh, attacker: httpx2.Client, stranger: httpx2.Client) -> None:
    token = attacker.post("/api/v1/auth/token", json={}).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    answer = stranger.post("/api/v1/auth/keys", json={"display_name": "for ever"}, headers=bearer)
    assert (answer.status_code, reason(answer)) == (403, "SCOPE_REQUIRED")
    again = stranger.post("/api/v1/auth/token", json={}, headers=bearer).json()
    answer = stranger.post(
        "/api/v1/auth/keys", json={"display_name": "x"}, headers={"Authorization": f"Bearer {again['access_token']}"}
    )
    assert answer.status_code == 403


def _png(width: int, height: int) -> bytes:
    """The first bytes of a PNG that says it has this size."""
    chunk = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + chunk + bytes(4)


@attack(
    "a caller", "files that are not what they say, or would decode to gigabytes", "refused before anything is stored"
)
def test_hostile_uploads_are_refused(attacker: httpx2.Client) -> None:
    hostile: list[tuple[bytes, dict[str, Any]]] = [
        (b"", {}), (b"<svg onload=alert(1)>", {}), (b"GIF89a", {}), (b"\x89PNG\r\n\x1a\n", {}),
        (_png(100_000, 100_000), {}), (_png(0, 1), {}), (b"PK\x03\x04" + bytes(100), {}), (b"%!PS-Adobe", {}),
        (b"RIFF\xff\xff\xff\xffWEBPVP8X", {}), (b"\xff\xd8\xff" + b"\xff" * 1000, {}),
    ]  # fmt: skip
    for body, headers in hostile:
        answer = attacker.post("/api/v1/assets", content=body, headers={"Content-Type": "image/png", **headers})
        assert 400 <= answer.status_code < 500, (body[:20], answer.text)
        assert reason(answer)


@attack("anybody", "all of the above", "no service wrote a traceback, and nothing was started again")
def test_no_service_logged_a_traceback(besieged: RunningMesh) -> None:
    for name in ("auth", "storage", "image", "events"):
        assert "Traceback" not in besieged.log(f"atelier-{name}"), name
    assert besieged.launcher.poll() is None
