"""Which requests are repeats of one another."""

from atelier.image.v1 import image_pb2
from atelier_jobs.api.job_api import request_hash


def test_requests_are_the_same_when_all_their_fields_are() -> None:
    one = image_pb2.GenerationParameters(prompt="a cat", metadata={"a": "1", "b": "2"})
    other = image_pb2.GenerationParameters(prompt="a cat", metadata={"b": "2", "a": "1"})
    assert request_hash(one) == request_hash(other)
    assert request_hash(one) != request_hash(image_pb2.GenerationParameters(prompt="a cat"))
