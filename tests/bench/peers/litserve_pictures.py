"""LitServe as its documentation starts it, around diffusers' pipeline: POST /predict answers one PNG.

Run by path, with a folder of weights: `python litserve_pictures.py FOLDER PORT`. Nothing of Atelier is imported.
"""

import sys
from typing import Any

import litserve as ls
from diffusers_pictures import draw, load_pipeline
from fastapi import Response


class PicturesAPI(ls.LitAPI):  # type: ignore[misc] # LitServe publishes no types
    """One request at a time, which is LitServe's default."""

    def setup(self, device: str) -> None:
        self.pipe = load_pipeline(sys.argv[1]).to(device)

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        return request

    def predict(self, request: dict[str, Any]) -> bytes:
        return draw(self.pipe, steps=request["steps"], size=request["size"], seed=request["seed"])

    def encode_response(self, output: bytes) -> Response:
        return Response(content=output, media_type="image/png")


if __name__ == "__main__":
    server = ls.LitServer(PicturesAPI(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
