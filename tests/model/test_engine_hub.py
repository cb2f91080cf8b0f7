"""A model of a hub, served here by a few lines of HTTP that speak Hugging Face's protocol."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.model.small_models import ltx

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.results import FrameChunk
from atelier_diffusion.engine.video_engine import VideoEngine
from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.policy.model_card import FileFacts
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import ImageRequest, VideoRequest
from atelier_diffusion.policy.scheduler_choice import BETAS_SCHEDULERS
from atelier_diffusion.torch_backend.local_engine import open_engine, open_video_engine
from atelier_diffusion.weights.hub import not_downloaded

COMMIT = "a" * 40
REQUEST = ImageRequest("a red circle", "", 256, 256, 2, 3.0, 7, "DDIM")


@dataclass
class SmallHub:
    """Serves one folder as repository `atelier/demo`."""

    folder: Path
    fetched: list[str] = field(default_factory=list)
    url: str = ""
    is_gated: bool = False

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        if self.is_gated:
            return 403, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}
        if path.startswith("/api/models/atelier/demo/"):
            files = [file for file in sorted(self.folder.rglob("*")) if file.is_file()]
            names = [str(file.relative_to(self.folder)) for file in files]
            if "/tree/" in path:
                tree = [
                    {"type": "file", "path": name, "size": file.stat().st_size, "oid": "0" * 40}
                    for name, file in zip(names, files, strict=True)
                ]
                return 200, json.dumps(tree).encode(), {}
            siblings = [{"rfilename": name} for name in names]
            return 200, json.dumps({"id": "atelier/demo", "sha": COMMIT, "siblings": siblings}).encode(), {}
        prefix = f"/atelier/demo/resolve/{COMMIT}/"
        if path.startswith(prefix):
            name = path.removeprefix(prefix)
            data = (self.folder / name).read_bytes()
            etag = f'"{hashlib.sha256(data).hexdigest()}"'
            return 200, data, {"ETag": etag, "X-Repo-Commit": COMMIT}
        return 404, b"{}", {"X-Error-Code": "RepoNotFound"}


@pytest.fixture
def hub(demo_catalogue: Catalogue, tmp_path: Path) -> Iterator[SmallHub]:
    demo = demo_catalogue.default.folder
    assert demo is not None
    served = SmallHub(shutil.copytree(demo, tmp_path / "repository"))
    (served.folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    (served.folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another precision")
    (served.folder / "setup.py").write_text("raise SystemExit")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, data, headers = served.answer(self.path.partition("?")[0])
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                served.fetched.append(self.path)
                self.wfile.write(data)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_port}"
        yield served
        server.shutdown()
        thread.join(10)


def engine_on(source: str, tmp_path: Path, endpoint: str) -> ImageEngine:
    file = tmp_path / "catalogue.yaml"
    entry = {"source": source, "preview": "pixel_shuffle"}
    file.write_text(json.dumps({"default": "m", "models": {"m": entry}}))
    catalogue = read_catalogue(file, root=tmp_path)
    return open_engine(
        catalogue, device="cpu", threads=1, cache_folder=tmp_path / "downloads", hf_endpoint=endpoint
    )  # fmt: skip


def test_a_model_is_downloaded_drawn_with_and_found_again_without_the_hub(
    engine: ImageEngine, demo_catalogue: Catalogue, hub: SmallHub, tmp_path: Path
) -> None:
    first = engine_on("hf:atelier/demo", tmp_path, hub.url)
    assert first.status("m").revision == ""
    (picture,) = first.generate(REQUEST)
    assert (picture.model_revision, first.status("m").revision) == (COMMIT, COMMIT)
    own = demo_catalogue.default
    assert first.status("m").facts == FileFacts("DDIM", BETAS_SCHEDULERS, own.prompt_max_tokens, own.latents)
    fetched = " ".join(hub.fetched)
    assert "unet/diffusion_pytorch_model.safetensors" in fetched
    assert not any(unwanted in fetched for unwanted in (".bin", "fp16", "setup.py"))

    offline = engine_on("hf:atelier/demo", tmp_path, "http://127.0.0.1:9")
    (again,) = offline.generate(REQUEST)
    assert again.model_revision == COMMIT
    assert (again.pixels == picture.pixels).all()


def serve_ltx(hub: SmallHub, demo_catalogue: Catalogue) -> None:
    """A pipeline whose parts have other names."""
    demo = demo_catalogue.default.folder
    assert demo is not None
    shutil.rmtree(hub.folder)
    ltx(demo).save_pretrained(hub.folder)
    (hub.folder / "transformer" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle")
    (hub.folder / "extra").mkdir()
    (hub.folder / "extra" / "model.safetensors").write_bytes(b"no part of it")


def videos_on(tmp_path: Path, endpoint: str) -> VideoEngine:
    file = tmp_path / "catalogue.yaml"
    entry = {"kind": "video", "source": "hf:atelier/demo", "defaults": {"scheduler": "EULER"}}
    file.write_text(json.dumps({"default": "m", "models": {"m": entry}}))
    catalogue = read_catalogue(file, root=tmp_path, kind="video")
    return open_video_engine(
        catalogue, device="cpu", threads=1, cache_folder=tmp_path / "downloads", hf_endpoint=endpoint
    )  # fmt: skip


def test_the_parts_of_any_pipeline_are_downloaded_and_no_others(
    engine: ImageEngine, demo_catalogue: Catalogue, hub: SmallHub, tmp_path: Path
) -> None:
    serve_ltx(hub, demo_catalogue)
    chunks: list[FrameChunk] = []

    def keep(chunk: FrameChunk) -> bool:
        chunks.append(chunk)
        return True

    request = VideoRequest(
        prompt="a green star", negative_prompt="", width_px=64, height_px=64, frames=3, steps=1, guidance_scale=1.0,
        seed=0, scheduler="EULER",
    )  # fmt: skip
    assert videos_on(tmp_path, hub.url).generate(request, on_frames=keep).model_revision == COMMIT
    assert "transformer/diffusion_pytorch_model.safetensors" in " ".join(hub.fetched)
    assert not any(unwanted in " ".join(hub.fetched) for unwanted in (".bin", "extra"))
    assert videos_on(tmp_path, "http://127.0.0.1:9").generate(request, on_frames=keep).model_revision == COMMIT
    assert (chunks[0].pixels == chunks[1].pixels).all()


def test_a_pipeline_that_is_of_no_use_is_refused_before_its_weights_are_downloaded(
    engine: ImageEngine, demo_catalogue: Catalogue, hub: SmallHub, tmp_path: Path
) -> None:
    serve_ltx(hub, demo_catalogue)
    index = hub.folder / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "_class_name": "LattePipeline"}))
    with pytest.raises(ModelLoadError) as refused:
        videos_on(tmp_path, hub.url).load("m")
    assert refused.value.reason == "MODEL_UNSUPPORTED"
    assert "safetensors" not in " ".join(hub.fetched)


def test_a_repository_that_is_not_there_is_not_found(engine: ImageEngine, hub: SmallHub, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError) as refused:
        engine_on("hf:atelier/other", tmp_path, hub.url).load("m")
    assert refused.value.reason == "MODEL_NOT_FOUND"


def test_the_error_of_a_gated_repository_names_the_remedy(engine: ImageEngine, hub: SmallHub, tmp_path: Path) -> None:
    hub.is_gated = True
    with pytest.raises(ModelLoadError, match="accept its terms") as refused:
        engine_on("hf:atelier/demo", tmp_path, hub.url).load("m")
    assert refused.value.reason == "MODEL_ACCESS_DENIED"


def test_a_repository_that_has_half_precision_alone_is_drawn_with(
    engine: ImageEngine, hub: SmallHub, tmp_path: Path
) -> None:
    for file in hub.folder.rglob("*.fp16.safetensors"):
        file.unlink()
    for file in list(hub.folder.rglob("*.safetensors")):
        file.rename(file.with_suffix(".fp16.safetensors"))
    for _ in ("online", "offline"):
        (picture,) = engine_on("hf:atelier/demo", tmp_path, hub.url).generate(REQUEST)
        assert picture.model_revision == COMMIT
        hub.url = "http://127.0.0.1:9"


def test_a_full_disk_is_said_so_wherever_it_is_found(tmp_path: Path) -> None:
    """/dev/full is a disk without room."""
    source = ModelSource.parse("hf:atelier/demo")
    try:
        try:
            Path("/dev/full").write_bytes(b"x")
        except OSError as full:
            raise RuntimeError("one of four threads failed") from full
    except RuntimeError as error:
        told = not_downloaded(source, error)
    assert (told.reason, told.message) == (
        "DISK_FULL", "hf:atelier/demo could not be downloaded: the disk for models is full",
    )  # fmt: skip
    assert not_downloaded(source, ConnectionError()).reason == "MODEL_DOWNLOAD_FAILED"
