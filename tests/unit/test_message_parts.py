"""No post is longer than its destination takes, and no word of an update is lost to that."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness.app import AppHarness
from harness.fakes import FakeChat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from warroom.connect.chat.matrix import Matrix, MatrixOptions
from warroom.connect.chat.slack import Slack, SlackOptions
from warroom.connect.chat.webhook import Webhook, WebhookOptions
from warroom.connect.ports import Chat
from warroom.errors import BadInput
from warroom.incident.commands import Declare
from warroom.incident.delivery import Message
from warroom.room import message_parts as parts

TOKEN = SecretStr("not-a-token")
TITLE = "INC-7 checkout-api: Update 3"
BACKENDS = [
    Slack(SlackOptions(token=TOKEN)),
    Matrix(MatrixOptions(homeserver="https://matrix.example", token=TOKEN)),
    Webhook(WebhookOptions(url=SecretStr("https://hook.example"), body={"content": "{{ text }}"})),
]


def message(text: str, **more: Any) -> Message:
    given = {
        "kind": "update",
        "audience": "team",
        "incident": "INC-7",
        "severity": "critical",
        "status": "investigating",
        "title": TITLE,
        "text": f"{TITLE}\n{text}",
        "marker": "INC-7·u3",
        "at": datetime(2026, 1, 28, 13, 4, tzinfo=UTC),
    }
    return Message.model_validate({**given, **more})


def limited(chat: Chat, limit: int) -> Chat:
    chat.max_length = limit
    return chat


TEXTS = st.lists(st.text("ab <&>@_`é日🔥", max_size=120), min_size=1, max_size=30).map("\n".join)


@given(text=TEXTS, limit=st.integers(150, 900), which=st.integers(0, len(BACKENDS) - 1))
def test_every_part_fits_and_together_they_say_everything_in_order(text: str, limit: int, which: int) -> None:
    chat = limited(BACKENDS[which], limit)
    whole = message(text, pin=True)
    posts = parts.split(chat, whole)
    if parts.length(chat, whole) <= limit:
        assert posts == (whole,)
        return
    if not posts:
        assert parts.length(chat, whole) > limit * 2, "only what needs very many parts is refused"
        return
    assert all(parts.length(chat, post) <= limit for post in posts)
    bodies = []
    for number, post in enumerate(posts, 1):
        first, _, body = post.text.partition("\n")
        assert first == f"{TITLE} ({number}/{len(posts)})"
        bodies.append(body)
    assert re.sub(r"\s", "", "".join(bodies)) == re.sub(r"\s", "", text)
    assert [post.pin for post in posts] == [True] + [False] * (len(posts) - 1)


@given(text=TEXTS, limit=st.integers(40, 400))
def test_a_text_is_cut_to_what_fits(text: str, limit: int) -> None:
    chat = limited(BACKENDS[2], limit)
    whole = message(text)
    kept = parts.cut(chat, whole)
    assert parts.length(chat, kept) <= limit
    assert kept == whole or whole.text.startswith(kept.text.removesuffix("…"))


def test_words_and_lines_stay_whole_where_they_fit() -> None:
    line = "word " * 30
    posts = parts.split(limited(BACKENDS[2], 400), message("\n".join([line.strip()] * 6)))
    assert len(posts) > 1
    assert all(set(post.text.splitlines()[1:]) == {line.strip()} for post in posts)


def test_a_longer_update_is_posted_in_parts_with_keys_of_their_own(tmp_path: Path) -> None:
    chats = {"chat": FakeChat("chat", dedupes=True, max_length=2_000), "mail": FakeChat("mail")}
    with AppHarness(tmp_path, chats=chats) as harness:
        harness.room.updates.measures = lambda name: chats[name]
        incident = harness.room.declare(Declare("checkout-api", "Card payments fail")).incident.id
        harness.room.post_update(incident, "update", {"impact": "Nobody can pay. " * 200})
        harness.deliver()
        first, second = chats["chat"].messages[1:]
        assert "(1/2)" in first.text and "(2/2)" in second.text
        assert chats["chat"].tried[1:] == [key := chats["chat"].tried[1], f"{key}.2"]
        assert all(len(chats["chat"].render(post)) <= 2_000 for post in (first, second))
        preview = harness.room.preview_update(incident, "update", {"impact": "Nobody can pay. " * 200})
        assert [copy.posts for copy in preview.copies] == [2]


def test_what_no_number_of_posts_would_hold_is_refused_before_it_is_recorded(tmp_path: Path) -> None:
    chats = {"chat": FakeChat("chat", dedupes=True, max_length=60), "mail": FakeChat("mail")}
    with AppHarness(tmp_path, chats=chats) as harness:
        harness.room.updates.measures = lambda name: chats[name]
        incident = harness.room.declare(Declare("checkout-api", "Card payments fail " * 20)).incident
        harness.deliver()
        (declaration,) = chats["chat"].messages
        assert len(chats["chat"].render(declaration)) <= 60, "a declaration is cut, not refused"
        before = harness.room.incident(incident.id).version
        with pytest.raises(BadInput, match=r"too long for chat: .* 20 posts of 60"):
            harness.room.post_update(incident.id, "update", {"impact": "Nobody can pay. " * 200})
        assert harness.room.incident(incident.id).version == before
