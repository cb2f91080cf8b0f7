"""The text of API keys and what is known of it."""

import pytest

from atelier_auth.domain.api_key import MAX_KEY_LENGTH, ApiKey, KeyText, digest_of
from atelier_auth.domain.scopes import OF_A_KEY


def test_a_minted_key_parses_and_no_two_are_alike() -> None:
    keys = [KeyText.mint() for _ in range(100)]
    assert all(KeyText.parse(key.text) == key for key in keys)
    assert len({key.text for key in keys}) == len({key.id for key in keys}) == 100


def test_a_minted_key_has_an_id_and_256_random_bits() -> None:
    _, key_id, secret = KeyText.mint().text.split("_")
    assert len(key_id) == 16
    assert len(secret) == 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        "atl_",
        "atl__" + "x" * 43,
        "atl_short_" + "x" * 43,
        "atl_abcdefgh_" + "x" * 31,
        "atl_abcdefgh_" + "x" * 129,
        "atl_ABCDEFGH_" + "x" * 43,
        "xtl_abcdefgh_" + "x" * 43,
        "atl_abcdefgh_" + "x" * 43 + "\n",
        " atl_abcdefgh_" + "x" * 43,
        "atl_abcdefgh_" + "ü" * 43,
        "atl_abcdefgh_" + "x" * 20 + "\0" + "x" * 22,
        "atl_abcdefgh_" + "x" * 43 + ",atl_abcdefgh_" + "x" * 43,
        "a" * 1_000_000,
    ],
)
def test_what_is_no_key_parses_to_none(text: str) -> None:
    assert KeyText.parse(text) is None


def test_the_longest_key_is_as_long_as_said() -> None:
    text = "atl_" + "a" * 32 + "_" + "x" * 128
    assert len(text) == MAX_KEY_LENGTH
    assert KeyText.parse(text) is not None


def test_secrets_are_in_no_repr() -> None:
    key = KeyText.mint()
    assert key.text.split("_", 2)[2] not in repr(key)
    assert key.text.split("_", 2)[2] not in repr(a_key(key.digest))


def test_a_key_lives_until_its_end_or_its_revocation() -> None:
    assert a_key(b"").lives(10**18)
    assert a_key(b"", expire_us=10).lives(9)
    assert not a_key(b"", expire_us=10).lives(10)
    assert not a_key(b"", revoke_us=5).lives(1)


def test_digests_are_compared_in_constant_time() -> None:
    class Loud(bytes):
        """Fails when it is compared the ordinary way, which stops at the first difference."""

        __hash__ = bytes.__hash__

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared with ==")

    digest = digest_of("x")
    assert a_key(Loud(digest)).matches(Loud(digest))
    assert not a_key(Loud(digest)).matches(Loud(digest_of("y")))


def a_key(digest: bytes, *, expire_us: int | None = None, revoke_us: int | None = None) -> ApiKey:
    """A key of Ada's."""
    return ApiKey(
        id="abcdefgh",
        user_id="ada",
        display_name="laptop",
        admin=False,
        scopes=OF_A_KEY,
        digest=digest,
        create_us=0,
        expire_us=expire_us,
        revoke_us=revoke_us,
    )
