"""How services prove their names."""

from atelier_auth.domain.service_secrets import ServiceSecrets

SHARED = "the secret that all share"
OWN = "the worker's own secret"


def test_the_shared_secret_opens_every_name_of_the_right_form() -> None:
    secrets = ServiceSecrets({}, SHARED)
    assert secrets.accepts("atelier-image", SHARED)
    assert not secrets.accepts("atelier-image", SHARED + "x")
    for name in ("", "Atelier", "a b", "a:b", "dev\n", "-a", "a" * 65):
        assert not secrets.accepts(name, SHARED)


def test_a_service_with_its_own_secret_cannot_use_the_shared_one() -> None:
    secrets = ServiceSecrets({"atelier-image-worker": OWN}, SHARED)
    assert secrets.accepts("atelier-image-worker", OWN)
    assert not secrets.accepts("atelier-image-worker", SHARED)
    assert not secrets.accepts("atelier-image", OWN)


def test_without_a_shared_secret_an_unknown_name_opens_nothing() -> None:
    secrets = ServiceSecrets({"atelier-image-worker": OWN})
    assert not secrets.accepts("atelier-image", "")
    assert not secrets.accepts("atelier-image", OWN)
