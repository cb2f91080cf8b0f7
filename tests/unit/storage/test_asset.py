"""Names and keys of assets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_service.byte_range import ContentPlan
from atelier_storage.api.content import content_headers
from atelier_storage.domain.asset import Asset, Blob, Origin, Source, blob_key, clean_filename
from atelier_storage.domain.sniff import ContentType

SHA = "ab" * 32


def asset(filename: str) -> Asset:
    blob = Blob("k", "ada", SHA, 10, ContentType.JPEG, 1, 1)
    return Asset("0190", Origin("ada", filename), 0, blob)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_two_owners_never_share_a_folder_and_no_key_is_a_prefix_of_another(one: str, other: str) -> None:
    first, second = blob_key(one, SHA, "1"), blob_key(other, SHA, "1")
    assert (first == second) == (one == other)
    assert first == second or not second.startswith(first)
    assert first.count("/") == 1
    assert ".." not in first


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\cat.png", "cat.png"),
        ("a\r\nset-cookie: x\0.png", "aset-cookie: x.png"),
        ("Zoe\u0301.png", "Zoé.png"),
        ("..", ""),
        ("folder/", ""),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_a_filename_keeps_no_folder_and_no_control_character(given_name: str, kept: str) -> None:
    assert clean_filename(given_name) == kept


@given(st.text(max_size=300))
def test_every_filename_makes_a_header_that_is_plain_ascii(name: str) -> None:
    headers = content_headers(asset(clean_filename(name)), ContentPlan(200, 0, 10))
    value = headers["content_disposition"]
    assert value.isascii()
    assert value.isprintable()
    assert value.startswith('inline; filename="')


def test_a_name_that_is_not_ascii_is_sent_in_full_too() -> None:
    value = content_headers(asset("Zoé.png"), ContentPlan(200, 0, 10))["content_disposition"]
    assert value == "inline; filename=\"Zo_.png\"; filename*=UTF-8''Zo%C3%A9.png"


def test_an_asset_without_a_name_is_saved_under_its_id() -> None:
    assert asset("").download_name == "0190.jpg"


def test_an_asset_that_names_its_job_comes_from_a_job() -> None:
    assert Origin("ada", job_id="j").source is Source.JOB
    assert Origin("ada").source is Source.UPLOAD
