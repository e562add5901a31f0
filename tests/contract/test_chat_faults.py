"""Whatever a network or a service does, no chat backend loses or doubles a message, or claims what it cannot know.

Each backend is made from its options and meets each fault on a real socket: first with one post, then with one
read, then through the outbox and a journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import html
import json
import ssl
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import trustme
from harness import servers
from harness.chat_services import (
    SECRET,
    Asked,
    ChatServer,
    DiscordService,
    Fault,
    MatrixService,
    MattermostService,
    OnceService,
    Service,
    SlackService,
    WebhookService,
    ZulipService,
)
from harness.fakes import Clock
from harness.leaks import holds

from warroom.bootstrap import open_context
from warroom.connect.http import LONGEST_WAIT
from warroom.connect.plugins import CHAT, load, names
from warroom.connect.ports import Chat
from warroom.errors import DeliveryError, NotSent, Rejected, Unconfirmed
from warroom.incident.commands import Declare
from warroom.incident.delivery import Channel, Delivery, DeliveryState, Message, Opening, Receipt
from warroom.room.outbox import OutboxWorker
from warroom.room.room import WarRoom

KEY = "INC-7.3f2a90c1.chat.post"
HERE = Channel(id="700000000000000001")
OPENING = Opening(incident="INC-7", name="inc-7-checkout", title="INC-7 checkout", topic="investigating")
MESSAGE = Message(
    kind="update",
    audience="team",
    incident="INC-7",
    severity="critical",
    status="investigating",
    title="Card payments fail",
    text="Card payments fail\nNext update: 14:40",
    marker="INC-7·u2",
    at=datetime(2026, 1, 28, 13, 5, tzinfo=UTC),
)


# The backends


@dataclass(frozen=True)
class Backend:
    """A backend's options, with ``URL`` for the address of the service, and how that service speaks."""

    options: dict[str, Any]
    accepted: Any
    """What it answers to a post it has taken; text for an answer that is not JSON."""
    gone: tuple[int, Any]
    """The status and body with which it says that the channel is archived or the webhook deleted."""
    wait: str = ""
    """The body that asks for a pause, as JSON with ``WAIT`` for the number; "" if it does that by header alone."""
    takes: tuple[str, ...] = ()
    """Answers with 2xx, of those below, that it may give to a post it has taken."""


def discord_error(code: int, words: str) -> dict[str, Any]:
    return {"code": code, "message": words}


BACKENDS: dict[str, Backend] = {
    "slack": Backend(
        {"token": SECRET, "base_url": "URL"},
        {"ok": True, "ts": "1700000000.000100"},
        (200, {"ok": False, "error": "is_archived"}),
    ),
    "matrix": Backend(
        {"homeserver": "URL", "token": SECRET},
        {"event_id": "$1"},
        (403, {"errcode": "M_FORBIDDEN", "error": "You are not in the room"}),
        '{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": WAIT}',
    ),
    "mattermost": Backend(
        {"server": "URL", "token": SECRET, "team": "acme"},
        {"id": "p" * 26},
        (400, {"id": "api.post.create_post.can_not_post_to_deleted.error", "message": "archived"}),
    ),
    "mattermost-webhook": Backend(
        {"url": f"URL/hooks/{SECRET}"},
        "ok",
        (400, {"id": "web.incoming_webhook.invalid.app_error", "message": "Invalid webhook"}),
    ),
    "discord": Backend(
        {"token": SECRET, "guild": "100000000000000001", "base_url": "URL"},
        {"id": "400000000000000001"},
        (404, discord_error(10003, "Unknown Channel")),
        '{"message": "You are being rate limited.", "retry_after": WAIT, "global": false}',
    ),
    "discord-webhook": Backend(
        {"url": f"URL/api/webhooks/300000000000000001/{SECRET}"},
        {"id": "400000000000000001"},
        (404, discord_error(10015, "Unknown Webhook")),
        '{"message": "You are being rate limited.", "retry_after": WAIT, "global": false}',
    ),
    "teams": Backend(
        {"url": f"URL/workflows/f/triggers/manual/paths/invoke?sig={SECRET}"},
        "",
        (400, {"error": {"code": "WorkflowTriggerIsNotEnabled", "message": "The flow is disabled"}}),
        takes=("cut", "binary", "nested"),
    ),
    "zulip": Backend(
        {"site": "URL", "email": "bot@team.test", "api_key": SECRET, "channel": "ops"},
        {"result": "success", "msg": "", "id": 42},
        (400, {"result": "error", "code": "STREAM_DOES_NOT_EXIST", "msg": "Channel 'ops' does not exist"}),
        '{"result": "error", "code": "RATE_LIMIT_HIT", "msg": "API usage exceeded", "retry-after": WAIT}',
    ),
    "google-chat": Backend(
        {"url": f"URL/v1/spaces/AAAA/messages?key=k&token={SECRET}"},
        {"name": "spaces/AAAA/messages/t0.m1"},
        (404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "The space was not found"}}),
    ),
    "telegram": Backend(
        {"token": f"110201543:{SECRET}", "chat": "@ops", "base_url": "URL"},
        {"ok": True, "result": {"message_id": 1}},
        (403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was kicked from the group chat"}),
        '{"ok": false, "error_code": 429, "description": "Too Many", "parameters": {"retry_after": WAIT}}',
    ),
    "webhook": Backend(
        {"url": f"URL/{SECRET}"},
        {"id": 42},
        (410, {"error": "gone"}),
        '{"error": "slow down", "retry_after": WAIT}',
        takes=("a page", "cut", "binary", "nested"),
    ),
}
OVER_HTTP = pytest.mark.parametrize("name", BACKENDS)


def make(name: str, url: str, total_seconds: float = 20.0) -> Any:
    """The backend as its settings make it, and with less patience if need be."""
    plugin = load(CHAT, name)
    chat = plugin.build(plugin.options.model_validate(_filled(BACKENDS[name].options, url)))
    chat._http._total = total_seconds
    return chat


def _filled(options: dict[str, Any], url: str) -> dict[str, Any]:
    return {name: value.replace("URL", url) if isinstance(value, str) else value for name, value in options.items()}


def accepted(name: str) -> bytes:
    """The answer, on the wire, to a post that was taken."""
    answer = BACKENDS[name].accepted
    return servers.http_answer(
        "200 OK", answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
    )


def post(chat: Any, name: str) -> Receipt:
    """Post once. The backend's connections are closed afterwards, and it can be used again."""

    async def posting() -> Receipt:
        try:
            receipt: Receipt = await chat.post(HERE, MESSAGE, KEY)
            return receipt
        finally:
            await chat.close()

    return asyncio.run(posting())


def refused(chat: Any, name: str) -> DeliveryError:
    """The error of a post, after a look for secrets in it."""
    with pytest.raises(DeliveryError) as raised:
        post(chat, name)
    assert_no_secret(raised.value)
    return raised.value


def assert_no_secret(error: DeliveryError) -> None:
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    assert SECRET not in shown
    assert not holds(f"{error.title} {error.remedy}", SECRET), error


def test_every_backend_over_http_is_here() -> None:
    look_first = {"statuspage", "cachet", "cachet-v2", "betterstack-status"}  # see test_status_pages.py
    assert {*BACKENDS} == {*names(CHAT)} - {"transcript", "email", "apprise"} - look_first


# What each fault means for a post

LEAK = f"reason {SECRET} {html.escape(SECRET)}".encode()
PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>" + LEAK + b"</body></html>"
ERROR = json.dumps(dict.fromkeys(("error", "message", "msg", "description"), LEAK.decode())).encode()
HTML = "Content-Type: text/html"


@functools.cache
def bomb() -> bytes:
    """64 MB of nothing, compressed."""
    return gzip.compress(bytes(64 << 20), 6)


def _answers() -> dict[str, tuple[type[DeliveryError], Any]]:
    """Each fault that a server can be: what a post raises, and the server's script."""
    no, doubt, later = Rejected, Unconfirmed, NotSent
    answer = servers.http_answer
    return {
        "bad request": (no, answer("400 Bad Request", ERROR)),
        "bad token": (no, answer("401 Unauthorized", ERROR)),
        "not allowed": (no, answer("403 Forbidden", ERROR)),
        "not found": (no, answer("404 Not Found", PAGE, HTML)),
        "no longer there": (no, answer("410 Gone", ERROR)),
        "too long": (no, answer("413 Content Too Large", PAGE, HTML)),
        "not taken in time": (later, answer("408 Request Timeout", ERROR)),
        "throttled by a proxy": (later, answer("429 Too Many Requests", PAGE, HTML)),
        "broken": (doubt, answer("500 Internal Server Error", ERROR)),
        "broken, without a word": (doubt, answer("500 Internal Server Error", b"")),
        "a proxy without its service": (doubt, answer("502 Bad Gateway", PAGE, HTML)),
        "down, with a time": (doubt, answer("503 Service Unavailable", PAGE, "Retry-After: 120")),
        "an unknown status": (doubt, answer("799 Whatever", ERROR)),
        "an answer that never ends": (doubt, answer("200 OK", b'{"ok": "%s"}' % (b"x" * 10_000_000))),
        "an answer that unpacks to far more": (doubt, answer("200 OK", bomb(), "Content-Encoding: gzip")),
        "an answer that is cut off": (doubt, b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
        "no HTTP": (doubt, b"SSH-2.0-OpenSSH_9.6\r\n"),
        "headers that never end": (doubt, b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 300_000),
        "closed after the request": (doubt, b""),
        "reset after the request": (doubt, None),
        "reset before it was read": (doubt, servers.UNREAD),
    }


FAULTS = _answers()


@OVER_HTTP
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_service_has_its_meaning_and_leaves_the_backend_usable(name: str, fault: str) -> None:
    kind, act = FAULTS[fault]
    with servers.RawServer(act, accepted(name)) as server:
        chat = make(name, server.url)
        error = refused(chat, name)
        assert isinstance(error, kind), f"{fault}: {error!r}"
        assert error.title and error.remedy
        assert isinstance(post(chat, name), Receipt), "the next one arrives"
        assert len(server.requests) == (1 if act == servers.UNREAD else 2), "nothing is sent twice unasked"


UNREADABLE = {"a page": PAGE, "cut": b'{"ok": tru', "binary": b"\xff\xfe{", "nested": b"[" * 100_000}


@OVER_HTTP
@pytest.mark.parametrize("answer", UNREADABLE)
def test_a_2xx_that_is_not_the_services_answer_proves_nothing(name: str, answer: str) -> None:
    with servers.RawServer(servers.http_answer("200 OK", UNREADABLE[answer])) as server:
        chat = make(name, server.url)
        if answer in BACKENDS[name].takes:
            assert post(chat, name) == Receipt()
        else:
            assert isinstance(refused(chat, name), Unconfirmed)


@OVER_HTTP
def test_what_no_longer_exists_is_refused_in_the_services_words(name: str) -> None:
    status, body = BACKENDS[name].gone
    with servers.RawServer(servers.http_answer(f"{status} X", json.dumps(body).encode())) as server:
        error = refused(make(name, server.url), name)
    assert isinstance(error, Rejected)
    assert error.remedy, "it says what to do"


@OVER_HTTP
def test_what_never_reached_the_service_is_not_sent(name: str) -> None:
    outsider = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(outsider)
    with (
        servers.RawServer(b"HTTP/1.1 200 OK\r\n\r\n") as plain,
        servers.RawServer(accepted(name), tls=outsider) as untrusted,
    ):
        for url in (
            "https://chat.invalid",  # never resolves (RFC 6761)
            f"http://127.0.0.1:{servers.free_port()}",
            plain.url.replace("http://", "https://"),
            untrusted.url.replace("http://", "https://"),
        ):
            error = refused(make(name, url), name)
            assert isinstance(error, NotSent), f"{url}: {error!r}"
            assert "cannot be reached" in error.title
        assert untrusted.requests == []
        assert all(SECRET.encode() not in request for request in plain.requests)


@OVER_HTTP
@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_a_redirect_is_refused_and_nothing_reaches_its_target(name: str, status: str) -> None:
    with servers.RawServer(accepted(name)) as other:
        target = other.url.replace("127.0.0.1", "localhost")
        act = servers.http_answer(status, PAGE, f"Location: {target}/{SECRET}")
        with servers.RawServer(act) as server:
            error = refused(make(name, server.url), name)
            assert len(server.requests) == 1
        assert isinstance(error, Rejected)
        assert "localhost" in error.remedy
        assert other.requests == []


def test_a_service_that_is_too_slow_leaves_each_backend_in_doubt() -> None:
    """All at once: they wait for the time limit alone."""
    trickle = (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{", b" ")

    async def posting(name: str, act: Any) -> BaseException | None:
        with servers.RawServer(act) as server:
            chat = make(name, server.url, total_seconds=1.5)
            try:
                await chat.post(HERE, MESSAGE, KEY)
            except DeliveryError as error:
                assert len(server.requests) == 1
                return error
            finally:
                await chat.close()
        return None

    async def everyone() -> dict[str, BaseException | None]:
        cases = {f"{name} {act}": posting(name, act) for name in BACKENDS for act in (trickle, ...)}
        return dict(zip(cases, await asyncio.gather(*cases.values()), strict=True))

    for case, error in asyncio.run(everyone()).items():
        assert isinstance(error, Unconfirmed), f"{case}: {error!r}"
        assert "in time" in error.title
        assert_no_secret(error)


# How long a service may ask to wait

DATE = format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True)
HEADERS = {
    "": None,
    "0": 0.0,
    "-1": 0.0,
    "7.5": 7.5,
    "1e9": LONGEST_WAIT,
    "9" * 400: LONGEST_WAIT,
    DATE: 0.0,
    "soon": None,
    "nan": None,
    SECRET: None,
}
"""A Retry-After header, and the seconds that are waited."""

NUMBERS = ("0", "-1", "1e9", "1e999", "NaN", "null", '"soon"', "true", "{}", "9" * 5000)


def waits(name: str, *answers: bytes) -> list[float | None]:
    """The pauses that posts are given by so many answers."""
    with servers.RawServer(*answers) as server:
        chat = make(name, server.url)
        errors = [refused(chat, name) for _ in answers]
    assert {type(error) for error in errors} == {NotSent}
    return [getattr(error, "retry_after", None) for error in errors]


def throttled(body: bytes, *headers: str) -> bytes:
    return servers.http_answer("429 Too Many Requests", body, *headers)


@OVER_HTTP
def test_a_pause_by_header_is_kept_within_bounds(name: str) -> None:
    answers = [throttled(ERROR, *([f"Retry-After: {header}"] if header else [])) for header in HEADERS]
    assert dict(zip(HEADERS, waits(name, *answers), strict=True)) == HEADERS
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    (wait,) = waits(name, throttled(ERROR, f"Retry-After: {at}"))
    assert wait is not None and 100 < wait <= 200, "a date is counted from now"


@pytest.mark.parametrize("name", [name for name, backend in BACKENDS.items() if backend.wait])
def test_a_pause_in_the_body_is_kept_within_bounds(name: str) -> None:
    answers = [throttled(BACKENDS[name].wait.replace("WAIT", number).encode()) for number in NUMBERS]
    for number, wait in zip(NUMBERS, waits(name, *answers), strict=True):
        assert wait is None or 0 <= wait <= LONGEST_WAIT
        assert (wait == LONGEST_WAIT) == (number in ("1e9", "1e999")), number


# Reading what people write

RECEIVING = (
    SlackService,
    MattermostService,
    MatrixService,
    DiscordService,
    ZulipService,
)
READ_FAULTS: dict[str, Fault] = {
    "reset": Fault(done=False),
    "401": Fault(False, servers.http_answer("401 Unauthorized", ERROR)),
    "403": Fault(False, servers.http_answer("403 Forbidden", ERROR)),
    "404": Fault(False, servers.http_answer("404 Not Found", PAGE)),
    "redirect": Fault(False, servers.http_answer("302 Found", PAGE, "Location: http://localhost:1/")),
    "a page": Fault(False, servers.http_answer("200 OK", PAGE)),
    "nothing": Fault(False, servers.http_answer("200 OK", b"{}")),
}
"""One of each kind that a backend can tell apart; the others are among these to it."""

BUSY = Fault(False, servers.http_answer("429 Too Many Requests", ERROR, "Retry-After: 1e9"))


@dataclass
class Reader:
    """Reads a channel of a service, each time with a backend that knows nothing of the time before."""

    service: Service
    server: ChatServer
    channel: Channel

    def read(self, cursor: str, fault_at: int = -1, fault: Fault | None = None) -> tuple[set[str], str]:
        """What one read returns, and where the next one begins; the request of that number meets the fault.

        A read that fails has to say so as the port does, and then the next one begins where this one did.
        """
        first = len(self.server.asked)
        self.server.fault = lambda _: fault if len(self.server.asked) - first == fault_at + 1 else None
        chat = self._backend()

        async def reading() -> tuple[set[str], str]:
            try:
                incoming = await chat.since(self.channel, cursor)
            except (NotSent, Rejected) as error:
                assert_no_secret(error)
                assert fault is not None, error
                assert 0 <= (getattr(error, "retry_after", None) or 0) <= LONGEST_WAIT
                return set(), cursor
            finally:
                await chat.close()
            return {one.text for one in incoming.messages}, incoming.cursor

        return asyncio.run(reading())

    def read_on(self, cursor: str) -> tuple[set[str], str]:
        """Everything from there on, however many reads it takes."""
        found: set[str] = set()
        while True:
            more, on = self.read(cursor)
            found |= more
            if on == cursor:
                return found, on
            cursor = on

    def _backend(self) -> Any:
        plugin = load(CHAT, self.service.backend)
        return plugin.build(plugin.options.model_validate(self.service.options(self.server.url_of(self.service))))


@pytest.fixture(params=RECEIVING, ids=lambda service: service.name)
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    service: Service = request.param()
    with ChatServer(service) as server:
        reader = Reader(service, server, Channel(id=""))

        async def opening() -> Channel:
            chat: Chat = reader._backend()
            try:
                return await chat.open(OPENING, "k")
            finally:
                await chat.close()

        reader.channel = asyncio.run(opening())
        yield reader


def lose_nothing(reader: Reader, written: int, faults: Mapping[str, Fault]) -> None:
    """``written`` messages come, from the beginning and from a cursor, whichever request meets whichever fault."""
    place = reader.service.rows[-1].channel if reader.service.rows else reader.channel.id
    reader.service.write(place, "before", own=False)
    _, later = reader.read_on("")
    for number in range(written):
        reader.service.write(place, f"message {number}", own=False)
    wanted = {f"message {number}" for number in range(written)}
    for start in ("", later):
        first = len(reader.server.asked)
        found, _ = reader.read(start)
        requests = len(reader.server.asked) - first
        assert wanted <= found, "without a fault everything comes"
        for number in range(requests):
            for name, fault in faults.items():
                found, cursor = reader.read(start, number, fault)
                assert wanted <= found | reader.read(cursor)[0], f"{name} at request {number} from {start!r}"


def test_a_read_that_meets_a_fault_loses_no_message(reader: Reader) -> None:
    lose_nothing(reader, 3, READ_FAULTS)


def test_a_burst_that_meets_a_fault_between_two_pages_loses_no_message(reader: Reader) -> None:
    lose_nothing(reader, 210, {"429": BUSY})


# Through the outbox

DEDUPING = (*RECEIVING, OnceService)
"""Those at which a post of unknown outcome can be sent again, or looked up."""
AWAY = Fault(False, servers.http_answer("503 Service Unavailable", PAGE, "Connection: close"))


class EachFirst:
    """``fault`` for the first post of the declaration at each service, and for no other request."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._met: set[str] = set()

    def __call__(self, asked: Asked) -> Fault | None:
        is_post = asked.method != "GET" and "INC-1·u" in json.dumps(asked.given, ensure_ascii=False)
        if not is_post or asked.service in self._met:
            return None
        self._met.add(asked.service)
        return self._fault


class EachNth:
    """``fault`` for one request of each service, the one of the number that its name ends with."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._asked: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Fault | None:
        self._asked[asked.service] += 1
        is_the_one = self._asked[asked.service] == int(asked.service.rpartition("-")[2])
        return self._fault if is_the_one else None


class Incident:
    """An incident that is declared at many services, and an outbox on a clock that is moved by hand.

    Each request asks ``fault`` what becomes of it; while ``away``, none is answered otherwise.
    """

    def __init__(
        self, folder: Path, fault: Callable[[Asked], Fault | None], services: Sequence[Service] = ()
    ) -> None:
        self.clock = Clock()
        self.away = False
        self.services = services or (*(service() for service in DEDUPING), WebhookService())
        self.server = ChatServer(*self.services, fault=lambda asked: fault(asked) or (AWAY if self.away else None))
        self._stack = contextlib.ExitStack()
        self._folder = folder

    def __enter__(self) -> Incident:
        self._stack.enter_context(self.server)
        destinations = {
            service.name: {
                "backend": service.backend,
                "plain_secrets": True,
                **service.options(self.server.url_of(service)),
            }
            for service in self.services
        }
        settings = self._folder / "settings.toml"
        settings.write_text(tomli_w.dumps({"team": {"people": [{"name": "Ada"}]}, "destinations": destinations}))
        context = open_context(settings, self._folder / "data", "Ada", environ={}, clock=self.clock)
        self.room: WarRoom = self._stack.enter_context(context).room
        self.outbox = OutboxWorker(self.room, lambda: self.clock().timestamp())
        self.room.declare(Declare("checkout-api", "Card payments fail", "critical"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def deliver(self) -> None:
        """Let the outbox do all that is due now."""
        asyncio.run(self.outbox._work(lambda: self.outbox.idle, look_s=0.02))

    def deliver_all(self) -> None:
        """Let time go by until nothing is tried again by itself."""
        for _ in range(40):
            self.deliver()
            waiting = [d.next_attempt_at for d in self.room.deliveries() if d.next_attempt_at]
            if not waiting:
                return
            self.clock.at = max(self.clock.at, min(waiting))
        raise AssertionError([(d.id, d.state, d.error) for d in self.room.deliveries()])

    def post(self, service: Service) -> Delivery:
        """The delivery of the declaration to a service."""
        return next(
            d for d in self.room.deliveries() if d.item.operation == "post" and d.destination == service.name
        )

    def seen(self, service: Service) -> int:
        """How often readers see the declaration there."""
        return sum("INC-1·u" in row.text for row in service.rows)

    def assert_once(self, *services: Service) -> None:
        """The declaration and the status message are there once, and the outbox says so."""
        for service in services:
            shown = [(d.id, d.state.label, d.error) for d in self.room.deliveries()]
            assert self.seen(service) == 1, f"{service.name}: {service.rows}, {shown}"
            status = sum("INC-1·status" in row.text for row in service.rows)
            assert status == service.edits, f"{service.name}: {service.rows}, {shown}"
            assert self.post(service).state is DeliveryState.DELIVERED, f"{service.name}: {shown}"


LOST = {
    "the answer is lost": Fault(done=True),
    "the request is lost": Fault(done=False),
    "it was done, and the answer is an error": Fault(True, servers.http_answer("500 X", ERROR)),
    "it was not done, and the answer is an error": Fault(False, servers.http_answer("500 X", ERROR)),
}
"""What leaves the outcome of a post unknown."""


@pytest.mark.parametrize(
    ("fault", "outage"),
    [*((fault, False) for fault in LOST), ("the answer is lost", True), ("the request is lost", True)],
)
def test_a_post_of_unknown_outcome_is_there_once_or_a_person_is_asked(
    tmp_path: Path, fault: str, outage: bool
) -> None:
    with Incident(tmp_path, EachFirst(LOST[fault])) as incident:
        incident.deliver()
        if outage:
            incident.away = True
            for _ in range(5):
                incident.clock.later(120)
                incident.deliver()
            incident.away = False
            for service in incident.services:
                service.forget()
        incident.deliver_all()
        *others, plain = incident.services
        incident.assert_once(*others)
        done = LOST[fault].done
        asked = incident.post(plain)
        assert incident.seen(plain) == done
        assert (asked.state, asked.next_attempt_at) == (DeliveryState.UNCONFIRMED, None)
        assert asked.error
        incident.room.confirm_delivery(asked.id, sent=done)
        incident.deliver_all()
        incident.assert_once(plain)


def test_a_post_that_is_turned_away_for_now_arrives_once_and_not_too_soon(tmp_path: Path) -> None:
    busy = Fault(False, servers.http_answer("429 Too Many Requests", ERROR, "Retry-After: 30"))
    with Incident(tmp_path, EachFirst(busy)) as incident:
        incident.deliver()
        incident.clock.later(29)
        incident.deliver()
        for service in incident.services:
            delivery = incident.post(service)
            assert (incident.seen(service), delivery.state) == (0, DeliveryState.PENDING), service.name
            assert "rate-limiting" in delivery.error
        incident.deliver_all()
        incident.assert_once(*incident.services)


def test_a_post_that_is_refused_fails_with_a_remedy_and_a_person_can_send_it_again(tmp_path: Path) -> None:
    refusal = Fault(False, servers.http_answer("403 Forbidden", ERROR))
    with Incident(tmp_path, EachFirst(refusal)) as incident:
        incident.deliver_all()
        for service in incident.services:
            delivery = incident.post(service)
            assert (incident.seen(service), delivery.state) == (0, DeliveryState.FAILED), service.name
            assert "refused" in delivery.error and SECRET not in delivery.error
            incident.room.confirm_delivery(delivery.id, sent=False)
        incident.deliver_all()
        incident.assert_once(*incident.services)


REQUESTS = 12
"""As many as a declaration takes at a service, or more."""


@pytest.mark.parametrize(
    ("shared", "done"),
    [
        pytest.param(False, True, id="in a channel of its own"),
        pytest.param(False, False, id="undone", marks=pytest.mark.nightly),
        pytest.param(True, True, id="in a thread", marks=pytest.mark.nightly),
    ],
)
def test_whichever_request_of_a_declaration_is_lost_all_of_it_is_there_once(
    tmp_path: Path, shared: bool, done: bool
) -> None:
    kinds = [kind for kind in DEDUPING if kind is not OnceService]
    services = [kind(f"{kind.name}-{n}", shared=shared) for kind in kinds for n in range(1, REQUESTS + 1)]
    with Incident(tmp_path, EachNth(Fault(done)), services) as incident:
        incident.deliver_all()
        incident.assert_once(*services)
        assert {d.state for d in incident.room.deliveries()} == {DeliveryState.DELIVERED}
        assert all(len(service.channels) <= 1 + shared for service in services), "no channel is made twice"
        roots = [row for service in services for row in service.rows if "INC-1·" not in row.text]
        begun = [service for service in services if shared or service.backend == "zulip"]
        assert len(roots) == len(begun), "no thread is begun twice"
        asked = Counter(asked.service for asked in incident.server.asked)
        assert all(asked[f"{kind.name}-{REQUESTS}"] < REQUESTS for kind in kinds), "each request had its turn"
