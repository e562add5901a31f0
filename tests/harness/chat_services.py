"""Chat services on a real socket, with just enough memory to post, look up, edit and read; never a test itself.

``ChatServer`` serves each ``Service`` below its name, and any request can meet a ``Fault``. What readers see is in
``Service.rows``. Whether a request keeps a vendor's contract is judged elsewhere (``servers.judged``).
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

SECRET = "plantedsecret-0123456789abcdef"
"""The token, key or last part of an address in the settings of each service here."""


class Asked(NamedTuple):
    """A request, taken apart: ``path`` below the service's name, ``given`` its query, form or JSON."""

    service: str
    method: str
    path: list[str]
    given: dict[str, Any]
    headers: Any


@dataclass(frozen=True)
class Fault:
    """What becomes of a request instead of an answer: is it carried out, and which bytes come back; None resets the
    connection."""

    done: bool
    answer: bytes | None = None


@dataclass
class Row:
    """A message that readers see. ``key`` is whatever the service keeps of the sender's key."""

    number: int
    channel: str
    text: str
    own: bool = True
    key: Any = None
    thread: str = ""
    pinned: bool = False
    """Somebody marked it with 📌."""


class Service:
    """A chat service. ``dedupes``: repeated posts are one; ``edits``: there is a status message."""

    name = ""
    backend = ""
    dedupes = False
    edits = True
    epoch_s = 1_700_000_000
    """When its first message was written, in seconds since 1970; each is a second later than the one before."""

    def __init__(self, name: str = "", *, shared: bool = False) -> None:
        self.name = name or self.name
        self.shared = shared
        self.rows: list[Row] = []
        self.channels: dict[str, str] = {"ops": "7" * 26} if shared else {}
        self.recognised: dict[str, Row] = {}

    def options(self, url: str) -> dict[str, Any]:
        """The settings of a destination at this service; if ``shared`` each incident is a thread in one channel."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """The status and the JSON that answer a request, None for no body."""
        raise NotImplementedError

    def write(self, channel: str, text: str, *, own: bool = True, key: Any = None, thread: str = "") -> Row:
        """Somebody posts, by default we."""
        self.rows.append(Row(len(self.rows) + 1, channel, text, own, key, thread))
        return self.rows[-1]

    def write_once(self, token: str, channel: str, text: str, key: Any = None) -> Row:
        """We post, unless the service remembers the token; it remembers none for ""."""
        if not token:
            return self.write(channel, text, key=key)
        if token not in self.recognised:
            self.recognised[token] = self.write(channel, text, key=key)
        return self.recognised[token]

    def forget(self) -> None:
        """The time for which it recognises repeated posts is over."""
        self.recognised.clear()

    def of(self, channel: str) -> list[Row]:
        """The messages of a channel, oldest first."""
        return [row for row in self.rows if row.channel == channel]

    def make(self, name: str, channel: str) -> str | None:
        """A new channel's id, None if the name is taken."""
        if name in self.channels:
            return None
        self.channels[name] = channel
        return channel


class SlackService(Service):
    """Slack: no dedupe; a post carries its key as metadata."""

    name = backend = "slack"

    def options(self, url: str) -> dict[str, Any]:
        shared = {"channel": "C0SHARED01", "channel_per_incident": False} if self.shared else {}
        return {"token": SECRET, "base_url": url, **shared}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        return 200, {"ok": True, **self._call(asked.path[-1], asked.given)}

    def _call(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return {"url": "https://acme.slack.com/", "user_id": "U0WARROOM", "user": "warroom", "team": "Acme"}
            case "conversations.create":
                made = self.make(given["name"], f"C{len(self.channels):08d}")
                return {"channel": {"id": made}} if made else {"ok": False, "error": "name_taken"}
            case "conversations.list":
                return {"channels": [{"id": id, "name": name} for name, id in self.channels.items()]}
            case "chat.postMessage":
                key, thread = given["metadata"]["event_payload"]["key"], given.get("thread_ts", "")
                return {"ts": self._ts(self.write(given["channel"], given["text"], key=key, thread=thread))}
            case "chat.update":
                row = next(row for row in self.rows if self._ts(row) == given["ts"])
                row.text = given["text"]
                return {"ts": given["ts"]}
            case "conversations.history":
                found = [row for row in self.of(given["channel"]) if self._ts(row) < given.get("latest", "9")]
                found = [row for row in found if not row.thread]
                return {"messages": [self._shown(row) for row in found[::-1][: int(given["limit"])]]}
            case "conversations.replies":
                found = [row for row in self.of(given["channel"]) if given["ts"] in (self._ts(row), row.thread)]
                return {"messages": [self._shown(row) for row in found]}
            case "users.info":
                return {"user": {"id": given["user"], "name": given["user"].lower()}}
        return {}

    def _ts(self, row: Row) -> str:
        return f"{self.epoch_s + row.number}.000100"

    def _shown(self, row: Row) -> dict[str, Any]:
        metadata = {"event_type": "warroom_delivery", "event_payload": {"key": row.key}}
        return {
            "ts": self._ts(row),
            "text": row.text,
            "user": "U0WARROOM" if row.own else "U0ALICE01",
            **({"metadata": metadata} if row.own else {}),
            **({"reactions": [{"name": "pushpin", "count": 1, "users": ["U0BOB0001"]}]} if row.pinned else {}),
        }


class MattermostService(Service):
    """Mattermost: recognises a ``pending_post_id`` for a while; a post carries its key in its props."""

    name = backend = "mattermost"
    dedupes = True
    _ME = "m" * 26

    def options(self, url: str) -> dict[str, Any]:
        shared = {"channel": "ops", "channel_per_incident": False} if self.shared else {}
        return {"server": url, "token": SECRET, "team": "acme", **shared}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        given = asked.given
        match asked.method, asked.path[2:]:
            case "GET", ["users", user]:
                return 200, {"id": self._ME if user == "me" else user, "username": "somebody"}
            case "GET", ["teams", "name", _]:
                return 200, {"id": "t" * 26}
            case "GET", ["teams", _, "channels", "name", name]:
                found = self.channels.get(name)
                return (200, {"id": found, "name": name}) if found else (404, {"id": "missing"})
            case "POST", ["channels"]:
                if made := self.make(given["name"], f"{len(self.channels):026d}"):
                    return 201, {"id": made, "name": given["name"]}
                return 400, {"id": "store.sql_channel.save_channel.exists.app_error"}
            case "POST", ["posts"]:
                key, thread = given["props"]["warroom_key"], given.get("root_id", "")
                row = self.write_once(given.get("pending_post_id", ""), given["channel_id"], given["message"], key)
                row.thread = thread
                return 201, self._shown(row)
            case "GET", ["posts", post, "thread"]:
                return 200, self._list([row for row in self.rows if post in (self._id(row), row.thread)])
            case "PUT", ["posts", post, "patch"]:
                row = self.rows[int(post) - 1]
                row.text = given["message"]
                return 200, self._shown(row)
            case "GET", ["channels", channel, "posts"]:
                found_rows = self.of(channel)
                if "since" in given:
                    return 200, self._list([row for row in found_rows if self._at(row) > int(given["since"])])
                start, size = int(given["page"]) * int(given["per_page"]), int(given["per_page"])
                return 200, self._list(found_rows[::-1][start : start + size][::-1])
        return 200, {}

    def _id(self, row: Row) -> str:
        return f"{row.number:026d}"

    def _at(self, row: Row) -> int:
        return self.epoch_s * 1000 + row.number

    def _list(self, rows: list[Row]) -> dict[str, Any]:
        posts = {post["id"]: post for post in map(self._shown, rows)}
        return {"order": [*posts][::-1], "posts": posts}

    def _shown(self, row: Row) -> dict[str, Any]:
        at = self._at(row)
        post = {"id": self._id(row), "create_at": at, "update_at": at, "delete_at": 0, "message": row.text}
        author = self._ME if row.own else "a" * 26
        return {**post, "user_id": author, "root_id": row.thread, "type": "", "props": {"warroom_key": row.key}}


class MatrixService(Service):
    """Matrix: recognises a transaction id for ever; an event carries its key."""

    name = backend = "matrix"
    dedupes = True

    def options(self, url: str) -> dict[str, Any]:
        shared = {"room": "!shared", "room_per_incident": False} if self.shared else {}
        return {"homeserver": url, "token": SECRET, **shared}

    def forget(self) -> None:
        """It never does."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        match asked.method, asked.path[3:]:
            case "GET", ["account", "whoami"]:
                return 200, {"user_id": "@warroom:test"}
            case "POST", ["createRoom"]:
                name = asked.given["room_alias_name"]
                made = self.make(f"#{name}:test", f"!room{len(self.channels)}")
                return (200, {"room_id": made}) if made else (400, {"errcode": "M_ROOM_IN_USE", "error": "taken"})
            case "GET", ["directory", "room", alias]:
                found = self.channels.get(alias)
                return (200, {"room_id": found}) if found else (404, {"errcode": "M_NOT_FOUND", "error": "none"})
            case "PUT", ["rooms", room, "send", "m.room.message", transaction]:
                relation = asked.given.get("m.relates_to", {})
                if relation.get("rel_type") == "m.replace":
                    self.rows[int(relation["event_id"][1:]) - 1].text = asked.given["m.new_content"]["body"]
                    return 200, {"event_id": f"$edit{transaction}"}
                row = self.write_once(
                    f"{room} {transaction}", room, asked.given["body"], asked.given["warroom.key"]
                )
                return 200, {"event_id": f"${row.number}"}
            case "GET", ["rooms", room, "messages"]:
                return 200, self._page(self.of(room), asked.given)
            case "GET", ["rooms", _, "state", *_]:
                return 404, {"errcode": "M_NOT_FOUND", "error": "none"}
        return 200, {}

    def _page(self, rows: list[Row], given: dict[str, Any]) -> dict[str, Any]:
        size = int(given["limit"])
        if given["dir"] == "f":
            rows = [row for row in rows if row.number > int(given.get("from", 0))]
            end = {"end": str(rows[:size][-1].number)} if rows else {}
        else:
            rows = [row for row in rows if row.number < int(given.get("from", 10**9))][::-1]
            end = {"end": str(rows[size - 1].number)} if len(rows) > size else {}
        return {"start": "s", "chunk": [self._shown(row) for row in rows[:size]], **end}

    def _shown(self, row: Row) -> dict[str, Any]:
        return {
            "type": "m.room.message",
            "event_id": f"${row.number}",
            "sender": "@warroom:test" if row.own else "@alice:test",
            "origin_server_ts": (self.epoch_s + row.number) * 1000,
            "content": {"msgtype": "m.text", "body": row.text, "warroom.key": row.key},
        }


class DiscordService(Service):
    """Discord: recognises a nonce for a while; a post ends with a line that is made from its key."""

    name = backend = "discord"
    dedupes = True
    _ME = "200000000000000001"

    def options(self, url: str) -> dict[str, Any]:
        shared = {"channel": "ops", "channel_per_incident": False} if self.shared else {}
        return {"token": SECRET, "guild": "100000000000000001", "base_url": url, **shared}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        given = asked.given
        match asked.method, asked.path:
            case "GET", ["users", "@me"]:
                return 200, {"id": self._ME, "username": "warroom"}
            case "GET", ["guilds", _, "channels"]:
                return 200, [{"id": id, "name": name, "type": 0} for name, id in self.channels.items()]
            case "POST", ["guilds", _, "channels"]:
                made = self.make(given["name"], f"3{len(self.channels):017d}")
                return 201, {"id": made, "name": given["name"]}
            case "GET", ["channels", channel]:
                last = [self._id(row.number) for row in self.of(channel)][-1:]
                return 200, {"id": channel, "last_message_id": last[0] if last else None}
            case "GET", ["channels", channel, "messages"]:
                return 200, self._page(self.of(channel), given)
            case "POST", ["channels", channel, "messages"]:
                return 200, self._shown(self.write_once(given["nonce"], channel, given["content"]))
            case "PATCH", ["channels", _, "messages", message]:
                row = next(row for row in self.rows if self._id(row.number) == message)
                row.text = given["content"]
                return 200, self._shown(row)
            case "PUT", ["channels", _, "messages", "pins", _]:
                return 204, None
            case "POST", ["channels", _, "messages", root, "threads"]:
                made = self.make(root, root)
                return (201, {"id": made}) if made else (400, {"code": 160004, "message": "It has a thread"})
        return 200, {}

    def _page(self, rows: list[Row], given: dict[str, Any]) -> list[dict[str, Any]]:
        size = int(given["limit"])
        if "after" in given:
            later = [row for row in rows if int(self._id(row.number)) > int(given["after"])]
            return [self._shown(row) for row in later[:size][::-1]]
        earlier = [row for row in rows if int(self._id(row.number)) < int(given.get("before", 2**63))]
        return [self._shown(row) for row in earlier[-size:][::-1]]

    def _id(self, number: int) -> str:
        return str((300_000_000_000 + number) << 22)

    def _shown(self, row: Row) -> dict[str, Any]:
        author = {"id": self._ME if row.own else "200000000000000002", "username": "x", "bot": row.own}
        return {"id": self._id(row.number), "type": 0, "content": row.text, "author": author}


class ZulipService(Service):
    """Zulip: no dedupe; a post ends with a code made from its key. Each incident is a topic of channel 7."""

    name = backend = "zulip"
    _ME, _ALICE = 9, 10

    def options(self, url: str) -> dict[str, Any]:
        return {"site": url, "email": "bot@team.test", "api_key": SECRET, "channel": "ops"}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        found = self._found(asked.method, asked.path[2:], asked.given)
        if found is None:
            return 400, {"result": "error", "msg": "Invalid message(s)", "code": "BAD_REQUEST"}
        return 200, {"result": "success", "msg": "", **found}

    def _found(self, method: str, path: list[str], given: dict[str, Any]) -> dict[str, Any] | None:
        match method, path:
            case "GET", ["users", "me"]:
                return {"user_id": self._ME, "full_name": "warroom"}
            case "GET", ["users", who]:
                return {"user": {"user_id": int(who), "full_name": "Alice", "is_bot": False}}
            case "GET", ["get_stream_id"]:
                return {"stream_id": 7}
            case "POST", ["messages"]:
                return {"id": 1000 + self.write(given["topic"], given["content"]).number}
            case "GET", ["messages"]:
                return self._page(given)
            case "GET", ["messages", number]:
                rows = [row for row in self.rows if 1000 + row.number == int(number)]
                return {"message": self._shown(rows[0])} if rows else None
            case "PATCH", ["messages", number]:
                self.rows[int(number) - 1001].text = given["content"]
        return {}

    def _page(self, given: dict[str, Any]) -> dict[str, Any]:
        narrow = {term["operator"]: term["operand"] for term in json.loads(given["narrow"])}
        rows = [row for row in self.rows if narrow.get("topic", row.channel) == row.channel]
        rows = [row for row in rows if "sender" not in narrow or row.own]
        anchor = 10**9 if given["anchor"] == "newest" else int(given["anchor"]) - 1000
        before = [row for row in rows if row.number < anchor]
        there = [row for row in rows if row.number == anchor]
        after = [row for row in rows if row.number > anchor]
        older, newer = int(given["num_before"]), int(given["num_after"])
        picked = [*(before[-older:] if older else []), *there, *after[:newer]]
        return {
            "messages": [self._shown(row) for row in picked],
            "found_anchor": bool(there),
            "found_oldest": len(before) <= older,
            "found_newest": len(after) <= newer,
        }

    def _shown(self, row: Row) -> dict[str, Any]:
        return {
            "id": 1000 + row.number,
            "stream_id": 7,
            "subject": row.channel,
            "content": row.text,
            "sender_id": self._ME if row.own else self._ALICE,
            "sender_full_name": "warroom" if row.own else "Alice",
            "timestamp": self.epoch_s * 2 + row.number,
            "client": "website",
        }


class WebhookService(Service):
    """Any receiver of posts with a key, which acts on each request."""

    name = "plain"
    backend = "webhook"
    edits = False

    def options(self, url: str) -> dict[str, Any]:
        return {"url": f"{url}/{SECRET}/hook", "idempotent": self.dedupes}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        key = asked.headers["Idempotency-Key"]
        if self.dedupes:
            self.write_once(key, "", asked.given["text"], key)
        else:
            self.write("", asked.given["text"], key=key)
        return 200, {}


class OnceService(WebhookService):
    """A receiver that acts once on each key."""

    name = "once"
    dedupes = True

    def forget(self) -> None:
        """It never does."""


class ChatServer:
    """A server for several services at once. ``fault`` decides what becomes of a request, None for nothing odd;
    ``pause_s`` is the time between carrying a request out and answering it. ``asked`` holds every request."""

    def __init__(
        self,
        *services: Service,
        fault: Callable[[Asked], Fault | None] = lambda _: None,
        pause_s: Callable[[Asked], float] = lambda _: 0.0,
    ) -> None:
        self.services = {service.name: service for service in services}
        self.fault = fault
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._pause_s = pause_s
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def url_of(self, service: Service) -> str:
        """The base address of one of the services."""
        return f"{self.url}/{service.name}"

    def __enter__(self) -> ChatServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, asked: Asked) -> bytes | None:
        """Carry a request out; the bytes of the answer, None to reset the connection."""
        with self._lock:
            self.asked.append(asked)
            fault = self.fault(asked)
            answer = self.services[asked.service].answer(asked) if fault is None or fault.done else None
            wait_s = self._pause_s(asked)
        # A service takes its time between doing and answering: that is when it hurts to be killed.
        threading.Event().wait(wait_s)
        if fault is not None:
            return fault.answer
        assert answer is not None
        status, data = answer
        body = b"" if data is None else json.dumps(data).encode()
        return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that a client has cut is no news here."""


def _handler(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            length = int(self.headers["Content-Length"] or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # killed while it was sending: this never arrived
                self.close_connection = True
                return
            answer = server.take(self._asked(body))
            with contextlib.suppress(OSError):
                if answer is None:
                    # Lingering for no time turns the close into a reset.
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    self.connection.close()
                else:
                    self.wfile.write(answer)
            self.close_connection = answer is None or b"\r\nConnection: close\r\n" in answer

        def _asked(self, body: bytes) -> Asked:
            url = urlsplit(self.path)
            service, *path = [unquote(part) for part in url.path.strip("/").split("/")]
            given: dict[str, Any] = dict(parse_qsl(url.query, keep_blank_values=True))
            if "json" in (self.headers["Content-Type"] or ""):
                given |= json.loads(body)
            else:
                given |= dict(parse_qsl(body.decode(), keep_blank_values=True))
            return Asked(service, self.command, path, given, self.headers)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
