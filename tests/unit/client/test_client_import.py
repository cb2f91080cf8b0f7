"""What loading the client costs."""

import subprocess
import sys


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(answer.stdout.split())


def test_a_client_brings_no_torch_no_numpy_and_no_grpc() -> None:
    loaded = _loaded_by("import atelier_client; atelier_client.Client; atelier_client.AsyncClient")
    assert "atelier_client.client" in loaded
    assert loaded.isdisjoint({"torch", "numpy", "grpc", "pydantic", "websockets"})


def test_the_command_waits_for_no_client_before_it_needs_one() -> None:
    loaded = _loaded_by("import atelier_client.cli")
    assert loaded.isdisjoint({"torch", "numpy", "grpc", "httpx2", "google.protobuf", "pydantic"})


def test_every_public_name_is_there() -> None:
    names = _loaded_by("import atelier_client; [getattr(atelier_client, name) for name in atelier_client.__all__]")
    assert "atelier_client.errors" in names
