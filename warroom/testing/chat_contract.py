"""What every chat backend must keep, as tests. Subclass ``HttpChatContract`` for a service that is reached by HTTP.

class TestNtfy(HttpChatContract):
    accepted = {"id": "m1"}
    secrets = ("tk_secret",)

    def make(self, transport):
        return Ntfy(NtfyOptions(topic="t", token="tk_secret"), transport=transport)
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import pytest

from warroom.connect.ports import Chat, Promises
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed, WarroomError
from warroom.incident.delivery import Channel, Message, Receipt
from warroom.incident.incoming import Incoming

T = TypeVar("T")

KEY = "INC-7.3f2a90c1.chat.post"


def message(text: str = "Card payments fail\nNext update: 14:40", **changes: Any) -> Message:
    """An update to the team, with ``changes``."""
    given: dict[str, Any] = {
        "kind": "update",
        "audience": "team",
        "incident": "INC-7",
        "severity": "critical",
        "status": "investigating",
        "title": "Card payments fail",
        "text": text,
        "marker": "INC-7·u2",
        "at": datetime(2026, 1, 28, 13, 5, tzinfo=UTC),
    }
    return Message.model_validate(given | changes)


HOSTILE = "\x1b[31mred\x1b[0m \x07 <!channel> @everyone <script>alert(1)</script> \u202etxt"
"""Escape sequences, a bell, mentions, markup and a direction override."""


class ChatContract:
    """The promises of the ``Chat`` port that hold without a network."""

    def chat(self) -> Chat:
        """A backend as the program would make it. Subclasses implement it."""
        raise NotImplementedError

    def test_it_has_every_part_of_the_port(self) -> None:
        """The attributes are there and of their types."""
        chat = self.chat()
        assert isinstance(chat, Chat)
        assert isinstance(chat.dedupes, bool)
        assert isinstance(chat.reads_back, bool)
        assert chat.max_length >= 100

    def test_its_promises_can_be_read(self) -> None:
        """They are data: the outbox goes by them, and the manual shows them."""
        promises = Promises.of(self.chat())
        assert promises.dedupe_window_s > 0 or not promises.dedupes
        assert promises.unit in ("characters", "bytes")

    def test_a_rendered_text_says_what_the_message_says(self) -> None:
        """The composer previews this text: it must be the words, whatever markup is around them."""
        rendered = self.chat().render(message())
        assert "Card payments fail" in rendered
        assert "14:40" in rendered

    def test_text_from_outside_cannot_control_a_terminal(self) -> None:
        """A preview is drawn on a terminal."""
        rendered = self.chat().render(message(HOSTILE))
        assert not [c for c in rendered if c != "\n" and not c.isprintable()]

    def test_it_may_be_closed_unused_and_twice(self) -> None:
        """Whoever made it closes it, whatever happened."""
        chat = self.chat()

        async def close() -> None:
            await chat.close()
            await chat.close()

        asyncio.run(close())


class HttpChatContract(ChatContract):
    """The promises about what a request led to, for a service that is reached by HTTP."""

    accepted: ClassVar[Mapping[str, Any]] = {}
    """The JSON the service answers to a post it has taken."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Secrets ``make`` puts into the options: none may be in an error."""
    empty: ClassVar[Any] = {}
    """The JSON the service answers when it is asked for messages and there are none."""
    channel: ClassVar[Channel] = Channel(id="C1")
    """Where the posts go."""

    def make(self, transport: Any) -> Chat:
        """A backend that sends through ``transport``, an httpx transport. Subclasses implement it."""
        raise NotImplementedError

    def chat(self) -> Chat:
        """See ``ChatContract``."""
        return self.make(self._transport(lambda request: self._answer(200)))

    def test_making_it_sends_nothing(self) -> None:
        """Settings are checked without a network."""
        requests: list[Any] = []
        self.make(self._transport(lambda request: requests.append(request)))
        assert requests == []

    def test_a_post_that_is_taken_has_a_receipt(self) -> None:
        """2xx with what the service promises."""
        assert isinstance(self._post(lambda request: self._answer(200)), Receipt)

    def test_a_service_that_cannot_be_reached_got_nothing(self) -> None:
        """DNS, connect, TLS: certainly not sent, so it is retried."""
        import httpx

        assert type(self._failure(self._raising(httpx.ConnectError))) is NotSent

    def test_throttling_is_retried_after_the_time_the_service_asks_for(self) -> None:
        """429 with Retry-After, in seconds."""
        failure = self._failure(lambda request: self._answer(429, {"Retry-After": "30"}))
        assert isinstance(failure, NotSent)
        assert failure.retry_after == 30

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_a_refusal_is_final_and_says_what_to_do(self, status: int) -> None:
        """4xx: the service understood and refused."""
        failure = self._failure(lambda request: self._answer(status))
        assert isinstance(failure, Rejected)
        assert failure.remedy

    @pytest.mark.parametrize("status", [500, 502, 503])
    def test_a_service_that_fails_may_have_done_it(self, status: int) -> None:
        """5xx: the outcome is unknown, and a post must not be doubled."""
        assert isinstance(self._failure(lambda request: self._answer(status)), Unconfirmed)

    def test_silence_after_the_request_is_unconfirmed(self) -> None:
        """The request left, and no answer came."""
        import httpx

        assert isinstance(self._failure(self._raising(httpx.ReadTimeout)), Unconfirmed)

    def test_a_post_with_the_same_key_is_the_same_request(self) -> None:
        """``dedupes``: the service tells posts apart by what the key becomes in the request."""
        if self.chat().dedupes:
            first, second, other = (self._sent(key) for key in (KEY, KEY, f"{KEY}.2"))
            assert first == second != other

    def test_what_is_not_there_is_looked_for_in_the_service(self) -> None:
        """``reads_back``: None is certain. A backend without it does not claim to know."""
        if self.chat().reads_back:
            assert self._ask(lambda chat: chat.find(self.channel, KEY)) is None
        else:
            with pytest.raises(Unconfirmed):
                self._ask(lambda chat: chat.find(self.channel, KEY))

    def test_a_status_message_is_edited_or_left_out(self) -> None:
        """``edits``: a second status makes requests. Without it nothing is sent, so nothing is posted twice."""
        sent = self._sent_by(lambda chat: chat.show_status(self.channel, message(), Receipt(id="1"), KEY))
        assert bool(sent) == Promises.of(self.chat()).edits

    def test_an_empty_channel_has_no_messages(self) -> None:
        """``receives``: the backend is an ``Inbox``."""
        if Promises.of(self.chat()).receives:
            incoming = self._ask(lambda chat: chat.since(self.channel, ""))
            assert isinstance(incoming, Incoming)
            assert incoming.messages == ()

    def test_no_secret_is_in_an_error(self) -> None:
        """Not in its text, nor in its traceback, whatever the service or httpx repeats."""
        import httpx

        for failure in (
            self._failure(self._raising(httpx.ReadTimeout, " ".join(self.secrets))),
            self._failure(lambda request: httpx.Response(403, json={"error": " ".join(self.secrets)})),
        ):
            text = "".join(traceback.format_exception(failure)) + repr(failure.args)
            assert [secret for secret in self.secrets if secret in text] == []

    # what the tests are made of

    def _answer(self, status: int, headers: Mapping[str, str] | None = None) -> Any:
        import httpx

        return httpx.Response(status, json=dict(self.accepted) if status < 300 else {}, headers=headers)

    def _transport(self, respond: Callable[[Any], Any]) -> Any:
        import httpx

        return httpx.MockTransport(respond)

    def _raising(self, error: type[Exception], words: str = "") -> Callable[[Any], Any]:
        def respond(request: Any) -> Any:
            raise error(words, request=request)  # type: ignore[call-arg]

        return respond

    def _ask(self, call: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        import httpx

        chat = self.make(self._transport(lambda request: httpx.Response(200, json=self.empty)))
        return _run(_closing(chat, call(chat)))

    def _sent_by(self, call: Callable[[Any], Coroutine[Any, Any, Any]]) -> list[tuple[str, str, bytes]]:
        sent: list[tuple[str, str, bytes]] = []

        def respond(request: Any) -> Any:
            sent.append((request.method, str(request.url), request.content))
            return self._answer(200)

        chat = self.make(self._transport(respond))
        _run(_closing(chat, call(chat)))
        return sent

    def _sent(self, key: str) -> list[tuple[str, str, bytes]]:
        return self._sent_by(lambda chat: chat.post(self.channel, message(), key))

    def _post(self, respond: Callable[[Any], Any]) -> Receipt:
        chat = self.make(self._transport(respond))
        return _run(_closing(chat, chat.post(self.channel, message(), KEY)))

    def _failure(self, respond: Callable[[Any], Any]) -> WarroomError:
        with pytest.raises(DeliveryError) as raised:
            self._post(respond)
        return raised.value


def _run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


async def _closing(chat: Chat, call: Coroutine[Any, Any, T]) -> T:
    try:
        return await call
    finally:
        await chat.close()
