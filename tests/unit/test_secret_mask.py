"""No known secret comes out of text that a service gave, in whatever form it was echoed; other text stays."""

from __future__ import annotations

import base64
import json

import pytest
from harness.leaks import ECHOES, holds
from hypothesis import given
from hypothesis import strategies as st

from warroom.connect.secret_mask import MAX_ID, MAX_LINK, SecretMask, credentials, secret_values
from warroom.safety import sanitize

SECRETS = st.text(
    st.sampled_from("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_./+=:&%\"'\\<>~!@#$"), min_size=8, max_size=40
)
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize("echo", ECHOES)
@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_a_secret_cannot_be_read_however_it_is_echoed(echo: str, secret: str, before: str, after: str) -> None:
    result = f"{before} {ECHOES[echo](secret)} {after}"
    mask = SecretMask([secret])
    for wording in (
        mask.text(result),
        mask.line(result),
        mask.identifier(result),
        mask.link(f"https://a.test/{result}"),
    ):
        assert not holds(wording, secret), wording
    assert mask.text(mask.text(result)) == mask.text(result)


@pytest.mark.parametrize("echo", [name for name in ECHOES if "every" not in name and "twice" not in name])
@given(secret=SECRETS)
def test_a_secret_stands_nowhere_in_decoded_data(echo: str, secret: str) -> None:
    result = f"it is {ECHOES[echo](secret)} there"
    data = SecretMask([secret]).data({result: [result, {"id": result, "n": 1}], "none": None})
    assert not holds(json.dumps(data, ensure_ascii=False), secret)
    assert data["none"] is None


def test_a_long_hostile_answer_is_masked_in_bounded_time() -> None:
    mask = SecretMask(credentials("Bearer s3cr3t-t0ken"))
    text = "%5c\\u0026&amp;" * 500_000
    assert mask.data({"id": text})["id"] == text
    assert len(mask.line(text)) <= 200


@given(text=st.text(st.sampled_from("abc \n\t\u200b\x1b%41\\u0041&amp;é"), max_size=60))
def test_text_without_a_secret_is_only_made_inert(text: str) -> None:
    assert SecretMask(["zzzzzzzzzz"]).text(text) == sanitize(text)
    assert SecretMask(["zzzzzzzzzz"]).secrets(text) == text


def test_what_stands_around_a_secret_can_still_be_read() -> None:
    mask = SecretMask(["s3cr3t/t0ken"])
    assert mask.line("bad token s3cr3t/t0ken, ask Ann") == "bad token ‹redacted›, ask Ann"
    assert mask.line("bad token s3cr3t%2Ft0ken, ask Ann") == "bad token ‹redacted›, ask Ann"
    assert mask.line("bad s\u200b3cr3t/t0ken, S3CR3T/T0KEN twice") == "bad ‹redacted›, ‹redacted› twice"


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("Bearer s3cr3t-t0ken", {"s3cr3t-t0ken"}),
        (f"Basic {base64.b64encode(b'bot:s3cr3t').decode()}", {"bot:s3cr3t", "s3cr3t", "Ym90OnMzY3IzdA=="}),
        ("https://bot:s3cr3t@chat.test/x", {"s3cr3t", "bot:s3cr3t"}),
        ("https://s3cr3t@chat.test/x", {"s3cr3t"}),
        ("https://chat.test/hooks/T0SECRET?key=s3cr3t%21", {"T0SECRET", "s3cr3t!", "s3cr3t%21"}),
    ],
)
def test_what_gives_access_within_a_secret_is_a_secret_too(given: str, parts: set[str]) -> None:
    assert parts <= credentials(given)
    assert credentials(given) <= secret_values({"a": [given]})
    mask = SecretMask(credentials(given))
    assert all(not holds(mask.text(f"you sent {part} here"), part) for part in parts)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://a.test/",
        "https://user:pw@a.test/",
        "https://a@b.test/",
        "https:///nowhere",
        "https://a.test/\x1b[31m",
        "https://a.test/a b",
        "https://a.test/\u202e",
        "https://[::",
        f"https://a.test/{'x' * MAX_LINK}",
        "https://a.test/s3cr3t-t0ken",
        "https://s3cr3t-t0ken.a.test/",
        "",
    ],
)
def test_only_a_plain_web_address_is_a_link(url: str) -> None:
    assert SecretMask(["s3cr3t-t0ken"]).link(url) == ""


def test_a_plain_web_address_is_a_link_as_it_stands() -> None:
    url = "https://example.slack.com/archives/C012345/p17000.001?thread=1#x"
    assert SecretMask(["s3cr3t-t0ken"]).link(url) == url


def test_an_id_is_one_bounded_word() -> None:
    mask = SecretMask([])
    assert mask.identifier("1700.1\n\x1b[0m") == "1700.1␛[0m"
    assert len(mask.identifier("9" * 10_000)) == MAX_ID


def test_a_mask_shows_no_secret() -> None:
    assert "s3cr3t" not in repr(SecretMask(["s3cr3t-t0ken"]))
