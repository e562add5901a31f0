"""Floor 2 to 4 at once: kill -9 at random moments: nothing acknowledged is lost, nothing is delivered twice unsaid.

A light server process forks a child for each life of a warroom: the child opens the same data folder, starts
an outbox worker and works through a session, writing a line after each command that returned. It is killed without
warning, and the next life begins. ``WARROOM_KILL_SEED`` repeats a run; the seed stands in every failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

KILLS = 20
NIGHTLY_KILLS = 100
SYNAPSE_KILLS = 12
SERVICE_KILLS = 20
PATIENCE_S = 40.0


# ── a life ────────────────────────────────────────────────────────────────────────────────────────────────


def serve() -> None:
    """Fork a life for each order (a JSON line on stdin); tell its pid, and later how it ended."""
    _prepare()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                _live(**order)
            except BaseException as error:  # noqa: BLE001 — whatever it is, the test has to hear of it
                _acknowledge(Path(order["acks"]), {"broke": repr(error)})
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)}\n")
        sys.stdout.flush()


def _prepare() -> None:
    """Load and build all that a life needs. Done after the fork it would take longer than a life lasts."""
    from warroom.bootstrap import open_context
    from warroom.connect import http, plugins
    from warroom.incident.commands import Declare

    plugins.load_all(plugins.CHAT)
    http._authorities(False)
    with tempfile.TemporaryDirectory() as folder, open_context(None, folder, "Ada", environ={}) as context:
        incident = context.room.declare(Declare("checkout-api", "E-0-0", "high"), commander="Ada").incident.id
        context.room.post_update(incident, "update", {"impact": "E-0-0", "next_update": "+15m"})
        context.outbox().drain(PATIENCE_S)
    assert threading.active_count() == 1, "a fork would leave them out"


def _acknowledge(acks: Path, what: dict[str, Any]) -> None:
    """One line in one write: it is there once this returned, however the process ends after that."""
    file = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, (json.dumps(what) + "\n").encode())
    os.close(file)


def _live(settings: str, data: str, acks: str, life: int, last: bool) -> None:
    from warroom.bootstrap import open_context
    from warroom.errors import Refusal
    from warroom.incident.commands import (
        Acknowledge,
        AddAction,
        Command,
        Declare,
        Note,
        Pin,
        RecordFix,
        Resolve,
        SetSeverity,
    )
    from warroom.incident.roles import Assign

    chance = random.Random(life)
    turn = 0
    with open_context(settings, data, "Ada", environ=os.environ) as context:
        room = context.room
        if last:
            states = context.outbox().drain(PATIENCE_S)
            _acknowledge(Path(acks), {"drained": len(states)})
            return
        outbox = context.outbox()
        context.jobs.start(outbox)
        _acknowledge(Path(acks), {"awake": life})
        while True:
            turn += 1
            token = f"E-{life}-{turn}"
            alive = [row.id for row in room.summaries() if row.open]
            if not alive or (len(alive) < 3 and turn % 9 == 0):
                incident = room.declare(Declare("checkout-api", token, "high"), commander="Ada").incident.id
                _acknowledge(Path(acks), {"token": token, "incident": incident})
                continue
            incident = chance.choice(alive)
            commands: list[Command] = [
                Note(token),
                Note(token, "finding"),
                Pin("app.log", token),
                AddAction(token, "Bo"),
                Assign("technical_lead", token),
                SetSeverity(chance.choice(["high", "low", "critical"]), token),
                RecordFix(token, temporary=True),
                Acknowledge(),
                Resolve(token),
            ]
            kind = chance.choice([*range(len(commands)), "update", "update", "update", "update", "draft"])
            with contextlib.suppress(Refusal):
                if kind == "update":
                    room.post_update(incident, "update", {"impact": token, "next_update": "+15m"})
                elif kind == "draft":
                    room.save_draft("kill", "note", token)
                    _acknowledge(Path(acks), {"draft": token})
                    continue
                else:
                    assert isinstance(kind, int)
                    if kind == len(commands) - 1 and chance.random() < 0.6:
                        continue  # not all of them end at once
                    room.execute(incident, commands[kind])
                    if kind in (5, 7):  # their text need not hold the token
                        continue
                _acknowledge(Path(acks), {"token": token, "incident": incident})


if __name__ == "__main__":
    serve()
    sys.exit()


# ── the world around it ───────────────────────────────────────────────────────────────────────────────────

import email.policy  # noqa: E402 — the forking server above has no use for these
from email.message import EmailMessage  # noqa: E402

import pytest  # noqa: E402
import tomli_w  # noqa: E402
from aiosmtpd.controller import Controller  # noqa: E402
from harness import servers  # noqa: E402
from harness.chat_services import (  # noqa: E402
    Asked,
    ChatServer,
    DiscordService,
    Fault,
    MatrixService,
    MattermostService,
    OnceService,
    SlackService,
    WebhookService,
    ZulipService,
)

from warroom.incident.delivery import Delivery, DeliveryState  # noqa: E402
from warroom.incident.events import Reopened, Resolved, SeveritySet, StatusSet, UpdatePosted  # noqa: E402
from warroom.journal.sqlite import SqliteJournal  # noqa: E402

synapse = servers.synapse


@dataclass
class Recorder:
    """A chat server that records what arrived whole. ``/once`` acts once on a key, ``/plain`` on every request."""

    seed: str
    requests: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    posts: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    turned_away: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def __enter__(self) -> Recorder:
        recorder, lock, chance = self, threading.Lock(), random.Random(f"server {self.seed}")

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # killed while it was sending: this never arrived
                key, place = self.headers["Idempotency-Key"], self.path.strip("/")
                with lock:
                    busy = place == "plain" and chance.random() < 0.05
                    wait = chance.uniform(0, 0.03)
                    if busy:
                        recorder.turned_away[key] += 1
                    else:
                        recorder.requests[place].append((key, body.decode()))
                        known = {k for k, _ in recorder.posts[place]} if place == "once" else set()
                        if key not in known:
                            recorder.posts[place].append((key, body.decode()))
                # A real service takes its time between doing and answering: that is when a kill hurts.
                threading.Event().wait(wait)
                with contextlib.suppress(OSError):
                    self.send_response(429 if busy else 200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A connection cut by a kill is what this is about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Story:
    """Many lives on one data folder, and what they said before they were killed."""

    folder: Path
    settings: str
    seed: str
    killed: list[str] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def acks(self) -> Path:
        return self.folder / "acks"

    def live(self, kills: int, after_kill: Callable[[], None] = lambda: None) -> None:
        """``kills`` lives that are killed, and one in peace that sends what is left."""
        chance = random.Random(self.seed)
        file = self.folder / "settings.toml"
        file.write_text(self.settings)
        with subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdin and server.stdout
            for life in range(kills + 1):
                last = life == kills
                places = {"settings": str(file), "data": str(self.data), "acks": str(self.acks)}
                server.stdin.write(json.dumps({**places, "life": life, "last": last}) + "\n")
                server.stdin.flush()
                pid = int(server.stdout.readline())
                if not last:
                    # Some die while they wake up, most in the middle of their work.
                    asleep = chance.random() < 0.15
                    moment = chance.uniform(0, 0.04) if asleep else chance.uniform(0, 0.25)
                    if not asleep:
                        self._until_awake(life)
                    threading.Event().wait(moment)
                    with contextlib.suppress(ProcessLookupError):  # it broke, and said why
                        os.kill(pid, signal.SIGKILL)
                    self.killed.append(f"life {life} {'asleep' if asleep else 'awake'} +{moment * 1000:.1f} ms")
                ended = int(server.stdout.readline())
                assert ended == (0 if last else -signal.SIGKILL), self.history()
                after_kill()
            server.stdin.close()

    def _until_awake(self, life: int) -> None:
        deadline = time.monotonic() + 20
        while not any(record.get("awake") == life for record in self.records()):
            assert time.monotonic() < deadline, f"life {life} did not wake up; {self.history()}"
            threading.Event().wait(0.002)

    def records(self) -> list[dict[str, Any]]:
        """What the lives said; a line that a kill cut off in its middle does not count."""
        text = self.acks.read_text() if self.acks.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def history(self) -> str:
        broke = [record for record in self.records() if "broke" in record]
        return f"WARROOM_KILL_SEED={self.seed}; {broke} {'; '.join(self.killed)}"


def assert_nothing_acknowledged_is_lost(story: Story, journal: SqliteJournal) -> int:
    """Every acknowledged entry is there, every stream without a gap; how many were acknowledged."""
    assert [record for record in story.records() if "broke" in record] == [], story.history()
    entries = {stream: journal.read(stream) for stream, _, _ in journal.summaries()}
    for stream, rows in entries.items():
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1)), story.history()
        assert journal.version(stream) == len(rows)
        assert journal.damage(stream) == ""
    assert journal.lost == (), "no kill is taken for a loss"
    text = {stream: "\n".join(row.event.model_dump_json() for row in rows) for stream, rows in entries.items()}
    acknowledged = [record for record in story.records() if "token" in record]
    for record in acknowledged:
        assert re.search(rf"{record['token']}\b", text[record["incident"]]), f"{record} is lost; {story.history()}"
    drafts = [record["draft"] for record in story.records() if "draft" in record]
    if drafts:
        life, turn = map(int, drafts[-1].split("-")[1:])
        kept = tuple(map(int, journal.draft("kill/note/Ada").split("-")[1:]))
        assert kept >= (life, turn), f"a draft is lost; {story.history()}"
    return len(acknowledged)


def assert_every_update_has_its_deliveries(story: Story, journal: SqliteJournal) -> list[Delivery]:
    """An entry and its deliveries were written together or not at all; the posts."""
    posts = [d for d in journal.deliveries() if d.item.operation == "post"]
    written = {(d.incident, d.seq, d.destination) for d in posts}
    assert len(written) == len(posts)
    for stream, _, _ in journal.summaries():
        for row in journal.read(stream):
            if isinstance(row.event, SeveritySet | StatusSet | Resolved | Reopened):  # announced by themselves
                written -= {(stream, row.seq, destination) for _, _, destination in written}
            if isinstance(row.event, UpdatePosted):
                for destination in row.event.destinations:
                    assert (stream, row.seq, destination) in written, f"a delivery is lost; {story.history()}"
                    written.discard((stream, row.seq, destination))
    assert not written, "a delivery without its entry"
    return posts


@pytest.fixture
def seed() -> str:
    """Another one for each run, unless one is to be repeated."""
    return os.environ.get("WARROOM_KILL_SEED") or str(random.SystemRandom().randrange(10**9))


SETTINGS = """
[team]
people = [{{ name = "Ada" }}, {{ name = "Bo" }}]
[destinations.once]
backend = "webhook"
url = "{url}/once"
plain_secrets = true
idempotent = true
[destinations.plain]
backend = "webhook"
url = "{url}/plain"
plain_secrets = true
[destinations.file]
backend = "transcript"
"""


@pytest.mark.nightly  # the test of many services at once covers it every time
@pytest.mark.parametrize("kills", [KILLS, NIGHTLY_KILLS])
def test_killed_at_any_moment_nothing_is_lost_and_nothing_arrives_twice_unsaid(
    tmp_path: Path, seed: str, kills: int
) -> None:
    with Recorder(seed) as recorder:
        story = Story(tmp_path, SETTINGS.format(url=recorder.url), seed)
        story.live(kills)
        assert len(story.killed) == kills
        with contextlib.closing(SqliteJournal(story.data / "journal.sqlite")) as journal:
            journal.check()
            acknowledged = assert_nothing_acknowledged_is_lost(story, journal)
            posts = assert_every_update_has_its_deliveries(story, journal)
            assert all(
                d.state is DeliveryState.DELIVERED for d in journal.deliveries() if d.destination != "plain"
            ), f"undelivered; {story.history()}"
    deduped = [d for d in posts if d.destination == "once"]
    assert Counter(key for key, _ in recorder.posts["once"]) == Counter(d.id for d in deduped), story.history()
    bodies = defaultdict(set)
    for key, body in recorder.requests["once"]:
        bodies[key].add(body)
    assert all(len(body) == 1 for body in bodies.values()), "a repeated request says what the first one said"

    arrived = Counter(key for key, _ in recorder.posts["plain"])
    markers = {d.id: d.item.message.marker for d in posts if d.item.message}
    seen = Counter({markers[key]: count for key, count in arrived.items()})
    _assert_once_or_asked(posts, seen, "plain", story)

    _assert_transcripts(story, [d for d in posts if d.destination == "file"])
    _report(story, acknowledged, posts, recorder)


def _assert_transcripts(story: Story, posts: list[Delivery]) -> None:
    """Exactly one whole record for each post, and nothing half written."""
    begun: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for path in (story.data / "transcripts").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        begun.update(unquote(key) for key in re.findall(r"^<!-- warroom (\S+) \d+ -->$", text, re.MULTILINE))
        ended.update(unquote(key) for key in re.findall(r"^<!-- /warroom (\S+) -->$", text, re.MULTILINE))
    assert begun == ended, story.history()
    of_posts = Counter({key: count for key, count in ended.items() if key.endswith(".post")})
    assert of_posts == Counter(d.id for d in posts), story.history()


def _report(story: Story, acknowledged: int, posts: list[Delivery], recorder: Recorder) -> None:
    repeated = len(recorder.requests["once"]) - len(recorder.posts["once"])
    doubts = sum(d.state is DeliveryState.UNCONFIRMED for d in posts)
    away = sum(recorder.turned_away.values())
    # Shown with -rP, and whenever the test fails.
    sys.stdout.write(
        f"{len(story.killed)} kills, {acknowledged} acknowledged, {len(posts)} posts, {repeated} repeated at the"
        f" deduping server, {doubts} left to a person, {away} turned away; seed {story.seed}\n"
    )


SERVICES = (
    SlackService,
    MattermostService,
    MatrixService,
    DiscordService,
    ZulipService,
    OnceService,
    WebhookService,
)
READERS = ("ann@example.com", "bob@example.com")


class MailServer:
    """Takes every mail, and notes who got a mail with which marker."""

    def __init__(self) -> None:
        self.seen: dict[str, Counter[str]] = {reader: Counter() for reader in READERS}
        self._controller = Controller(self, hostname="127.0.0.1", port=servers.free_port())

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        for reader in envelope.rcpt_tos:
            self.seen[reader].update(_markers(mail.get_content()))
        return "250 OK"

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def destination(self) -> dict[str, Any]:
        """The settings that send to it."""
        address = {"host": "127.0.0.1", "port": self._controller.port, "security": "none"}
        return {"backend": "email", "sender": "warroom@example.com", "recipients": [*READERS], **address}


def _markers(text: str) -> set[str]:
    return set(re.findall(r"INC-\d+·(?:u\d+|[0-9a-f]{4})\b", text))


def _assert_once_or_asked(posts: list[Delivery], seen: Counter[str], destination: str, story: Story) -> None:
    """Nothing is there twice; what is recorded as delivered is there, and everything else is left to a person."""
    for delivery in (d for d in posts if d.destination == destination):
        assert delivery.item.message
        arrived = seen[delivery.item.message.marker]
        assert arrived <= 1, f"{delivery.id} arrived {arrived} times; {story.history()}"
        if delivery.state is DeliveryState.DELIVERED:
            assert arrived == 1, f"{delivery.id} is recorded as delivered but did not arrive; {story.history()}"
        else:
            assert delivery.state is DeliveryState.UNCONFIRMED and delivery.next_attempt_at is None, story.history()
            assert delivery.error, "a doubt is said"


def test_killed_at_any_moment_many_services_at_once_have_every_post_once_or_a_person_is_asked(
    tmp_path: Path, seed: str
) -> None:
    chance = random.Random(f"services {seed}")
    busy = Fault(False, servers.http_answer("429 Too Many Requests"))
    services = [service() for service in SERVICES]

    def pause_s(asked: Asked) -> float:
        """Most of a life is spent between a post and its answer, so that most kills come there."""
        in_peace = len(story.killed) == SERVICE_KILLS
        return chance.uniform(0, 0.15) if _markers(str(asked.given)) and not in_peace else 0.0

    def forget() -> None:
        """The next life comes too late for a service that recognises repeated posts for a while only."""
        for service in services:
            service.forget()

    def is_busy(_: Asked) -> Fault | None:
        return busy if chance.random() < 0.03 else None

    with MailServer() as mails, ChatServer(*services, fault=is_busy, pause_s=pause_s) as server:
        destinations = {
            one.name: {"backend": one.backend, "plain_secrets": True, **one.options(server.url_of(one))}
            for one in services
        }
        people = {"people": [{"name": "Ada"}, {"name": "Bo"}]}
        settings = {"team": people, "destinations": {**destinations, "mail": mails.destination}}
        story = Story(tmp_path, tomli_w.dumps(settings), seed)
        story.live(SERVICE_KILLS, forget)
    with contextlib.closing(SqliteJournal(story.data / "journal.sqlite")) as journal:
        assert_nothing_acknowledged_is_lost(story, journal)
        posts = assert_every_update_has_its_deliveries(story, journal)
        incidents = [stream for stream, _, _ in journal.summaries()]
        left = [d for d in journal.deliveries() if d.state is not DeliveryState.DELIVERED]
    for service in services:
        seen = Counter(marker for row in service.rows for marker in _markers(row.text))
        if isinstance(service, WebhookService) and not service.dedupes:
            _assert_once_or_asked(posts, seen, service.name, story)
            continue
        assert [d for d in left if d.destination == service.name] == [], story.history()
        of_service = [d.item.message for d in posts if d.destination == service.name]
        wanted = Counter(message.marker for message in of_service if message)
        wrong = f"{service.name}: {seen - wanted} too many, {wanted - seen} missing; {story.history()}"
        assert seen == wanted, wrong
        statuses = Counter(mark for row in service.rows for mark in re.findall(r"INC-\d+·status", row.text))
        assert max(statuses.values(), default=0) <= 1, f"{service.name}: {statuses}; {story.history()}"
        assert len(statuses) == (len(incidents) if service.edits else 0), story.history()
        assert len(service.channels) <= len(incidents), f"one channel an incident; {story.history()}"
    for seen in mails.seen.values():
        _assert_once_or_asked(posts, seen, "mail", story)
    sys.stdout.write(
        f"{len(story.killed)} kills, {len(posts)} posts, {len(server.asked)} requests, {len(left)} left to a"
        f" person; seed {story.seed}\n"
    )


MATRIX = """
[team]
people = [{{ name = "Ada" }}, {{ name = "Bo" }}]
[destinations.matrix]
backend = "matrix"
homeserver = "{url}"
token = {{ env = "KILL_MATRIX_TOKEN" }}
[destinations.file]
backend = "transcript"
"""


@pytest.fixture
def token(synapse: servers.Synapse, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token of a user of this test's own, in the environment the lives inherit."""
    _, token = synapse.register(f"killed{random.SystemRandom().randrange(10**9)}")
    monkeypatch.setenv("KILL_MATRIX_TOKEN", token)
    return token


@pytest.mark.nightly
def test_killed_at_any_moment_a_real_homeserver_has_every_post_once(
    tmp_path: Path, seed: str, synapse: servers.Synapse, token: str
) -> None:
    story = Story(tmp_path, MATRIX.format(url=synapse.url), seed)
    story.live(SYNAPSE_KILLS)
    with contextlib.closing(SqliteJournal(story.data / "journal.sqlite")) as journal:
        assert_nothing_acknowledged_is_lost(story, journal)
        posts = assert_every_update_has_its_deliveries(story, journal)
        left = [(d.id, d.state, d.error) for d in journal.deliveries() if d.state is not DeliveryState.DELIVERED]
        assert left == [], story.history()
    rooms = synapse.rooms(token)
    arrived: Counter[str] = Counter()
    for room in rooms:
        for event in synapse.messages(room, token):
            arrived.update(re.findall(r"INC-\d+·(?:u\d+|[0-9a-f]{4})\Z", event["content"]["body"]))
    wanted = Counter(d.item.message.marker for d in posts if d.destination == "matrix" and d.item.message)
    assert arrived == wanted, f"{arrived - wanted} too many, {wanted - arrived} missing; {story.history()}"
    incidents = {d.incident for d in posts}
    assert len(rooms) == len(incidents), f"one room an incident; {story.history()}"
    _assert_transcripts(story, [d for d in posts if d.destination == "file"])
