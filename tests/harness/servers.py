"""Judges and real servers for the connectors' tests: contracts, Prism, Synapse, a raw socket; never a test itself.

Fixtures are taken over by name (``synapse = servers.synapse``). What a machine lacks skips a test with its reason;
what can be installed is, once, into ``.cache`` of the checkout.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import venv
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import EllipsisType
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = Path(os.environ.get("WARROOM_CONTRACTS") or REPOSITORY.parent / "shared" / "contracts")
CACHE = REPOSITORY / ".cache"
PRISM = "@stoplight/prism-cli@5.14.2"
SYNAPSE = "matrix-synapse==1.163.2"

needs_contracts = pytest.mark.skipif(
    not (CONTRACTS / "slack.json").exists(),
    reason="the vendors' contracts are not here: tests/README.md says how to get them",
)


@pytest.fixture
def anyio_backend() -> str:
    """The backends run on asyncio alone."""
    return "asyncio"


# Contracts, in process


class _Seen:
    """What openapi-core asks of a request."""

    def __init__(self, request: httpx.Request) -> None:
        self.host_url = f"{request.url.scheme}://{request.url.netloc.decode()}"
        # Decoded part by part: a quoted slash belongs to a parameter and must not look like another part.
        parts = request.url.raw_path.decode().partition("?")[0].split("/")
        self.path = "/".join(unquote(part).replace("/", "∕") for part in parts)
        self.method = request.method.lower()
        self.content_type = request.headers.get("content-type", "").split(";")[0]
        self.body = request.read()
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.url.params.multi_items()),
            header=Headers(list(request.headers.items())),
            cookie=ImmutableMultiDict(),
            path={},
        )


@functools.cache
def _contract(name: str) -> OpenAPI:
    return OpenAPI.from_file_path(str(CONTRACTS / f"{name}.json"))


@functools.cache
def _slack_arguments() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CONTRACTS / "slack-sdk-arguments.data.json").read_text())
    return found


def judged(name: str, reply: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    """A transport that lets only requests pass which keep the vendor's contract; ``reply`` answers them."""

    def handler(request: httpx.Request) -> httpx.Response:
        with warnings.catch_warnings():
            # openapi-core knows no oauth2; Prism judges credentials.
            warnings.filterwarnings("ignore", "Unsupported scheme type")
            _contract(name).validate_request(_Seen(request))
        if name == "slack":
            judge_slack_arguments(request)
        return reply(request)

    return httpx.MockTransport(handler)


def judge_slack_arguments(request: httpx.Request) -> None:
    """The vendor's SDK is stricter than its OpenAPI document: required arguments there, none unknown."""
    method = request.url.path.rpartition("/")[2]
    sent = set(request.url.params) if request.method == "GET" else set(json.loads(request.read() or b"{}"))
    known = _slack_arguments()[method]
    missing = set(known["required"]) - sent
    unknown = sent - set(known["required"]) - set(known["optional"])
    assert not missing and not unknown, f"{method}: missing {missing}, unknown {unknown}"


# Prism


@contextlib.contextmanager
def _installing(name: str) -> Iterator[Path]:
    """The folder of an installation; only one test process installs at a time."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield CACHE / name


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    """Why the command failed, "" if it did not."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1]


@functools.cache
def _prism() -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Prism needs node and npm")
    with _installing("prism") as folder:
        program = folder / "node_modules" / ".bin" / "prism"
        if not program.exists():
            folder.mkdir(exist_ok=True)
            (folder / "package.json").write_text("{}")
            if why := _run(npm, "install", "--no-audit", "--no-fund", "--silent", PRISM, cwd=folder):
                pytest.skip(f"Prism cannot be installed: {why}")
    return program


@pytest.fixture(scope="session")
def served() -> Iterator[Callable[[str], str]]:
    """``served("slack")`` is the address of Prism serving that contract; all end with the session."""
    if not (CONTRACTS / "serve").exists():
        pytest.skip("the vendors' contracts are not there")
    running: dict[str, tuple[subprocess.Popen[str], str]] = {}

    def start(name: str) -> str:
        if name not in running:
            process = subprocess.Popen(
                [sys.executable, CONTRACTS / "serve", name],
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PRISM": str(_prism())},
            )
            assert process.stdout is not None
            running[name] = (process, process.stdout.readline().strip())
            assert running[name][1], "Prism did not start"
        return running[name][1]

    yield start
    for process, _ in running.values():
        with process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


# Synapse


class Synapse:
    """A real Matrix homeserver on loopback, as its users see it. ``token`` and ``user`` are alice's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=20)
        self._admin = self._register_admin()
        self.user, self.token = self.register("alice")

    def request(self, method: str, path: str, body: Any = None, token: str | None = None) -> dict[str, Any]:
        """The answer to a client-server request (``path`` after ``/_matrix/client/v3/``), as ``token`` or alice."""
        answer = self._client.request(
            method,
            path if path.startswith("/") else f"/_matrix/client/v3/{path}",
            json=body,
            headers={"Authorization": f"Bearer {token or self.token}"},
        )
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()
        return data

    def register(self, name: str) -> tuple[str, str]:
        """A new user: its id and an access token."""
        body = {"username": name, "password": "pw", "auth": {"type": "m.login.dummy"}}
        answer = self._client.post("/_matrix/client/v3/register", json=body)
        answer.raise_for_status()
        return answer.json()["user_id"], answer.json()["access_token"]

    def slow_down(self, user: str) -> None:
        """From now on the user may send one message a second, and not two at once."""
        path = f"/_synapse/admin/v1/users/{quote(user)}/override_ratelimit"
        self.request("POST", path, {"messages_per_second": 1, "burst_count": 1}, token=self._admin)

    def rooms(self, token: str | None = None) -> list[str]:
        """The ids of the rooms alice (or the token's user) is in."""
        rooms: list[str] = self.request("GET", "joined_rooms", token=token)["joined_rooms"]
        return rooms

    def messages(self, room: str, token: str | None = None) -> list[dict[str, Any]]:
        """The events of type m.room.message of a room, oldest first, edits included."""
        page = self.request("GET", f"rooms/{quote(room, safe='')}/messages?dir=b&limit=500", token=token)
        return [event for event in reversed(page["chunk"]) if event["type"] == "m.room.message"]

    def state(self, room: str, kind: str) -> dict[str, Any]:
        """The content of a state event with an empty state key."""
        return self.request("GET", f"rooms/{quote(room, safe='')}/state/{kind}/")

    def members(self, room: str) -> dict[str, str]:
        """Membership by user id: join, invite, leave."""
        page = self.request("GET", f"rooms/{quote(room, safe='')}/members")
        return {event["state_key"]: event["content"]["membership"] for event in page["chunk"]}

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _register_admin(self) -> str:
        nonce = self._client.get("/_synapse/admin/v1/register").json()["nonce"]
        signed = "\x00".join((nonce, "root", "pw", "admin")).encode()
        mac = hmac.new(b"s3cret", signed, hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": "root", "password": "pw", "admin": True, "mac": mac}
        answer = self._client.post("/_synapse/admin/v1/register", json=body)
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token


@functools.cache
def _synapse_python() -> Path:
    with _installing("synapse") as folder:
        python, ready = folder / "bin" / "python", folder / "ready"
        if not (ready.exists() and ready.read_text() == SYNAPSE):
            if not python.exists():
                venv.create(folder, with_pip=True)
            if why := _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SYNAPSE):
                pytest.skip(f"Synapse cannot be installed: {why}")
            ready.write_text(SYNAPSE)
    return python


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """A Synapse of this session's own, with a user alice, ended with the session."""
    python = _synapse_python()
    folder = tmp_path_factory.mktemp("synapse")
    port = free_port()
    freely = {"per_second": 1000, "burst_count": 1000}
    # JSON is YAML, so no YAML library is needed to write it.
    log = {
        "version": 1,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": str(folder / "log")}},
        "root": {"level": "WARNING", "handlers": ["file"]},
        "disable_existing_loggers": False,
    }
    (folder / "log.yaml").write_text(json.dumps(log))
    listener = {
        "port": port,
        "type": "http",
        "tls": False,
        "bind_addresses": ["127.0.0.1"],
        "resources": [{"names": ["client"], "compress": False}],
    }
    config = {
        "server_name": "warroom.test",
        "listeners": [listener],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "db.sqlite")}},
        "log_config": str(folder / "log.yaml"),
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "pid_file": str(folder / "pid"),
        "trusted_key_servers": [],
        "report_stats": False,
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "registration_shared_secret": "s3cret",
        "macaroon_secret_key": "m",
        "form_secret": "f",
        "bcrypt_rounds": 4,
        "presence": {"enabled": False},
        "rc_message": freely,
        "rc_registration": freely,
        "rc_room_creation": freely,
        "rc_login": {"address": freely, "account": freely, "failed_attempts": freely},
        "rc_joins": {"local": freely},
        "rc_invites": {"per_room": freely, "per_user": freely},
    }
    (folder / "homeserver.yaml").write_text(json.dumps(config))
    command = [python, "-m", "synapse.app.homeserver", "--config-path", folder / "homeserver.yaml"]
    if why := _run(*command, "--generate-keys"):
        pytest.skip(f"Synapse cannot be set up: {why}")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        url = f"http://127.0.0.1:{port}"
        _until_healthy(process, f"{url}/health")
        server = Synapse(url)
        yield server
        server.close()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False, timeout=2).status_code == 200:
                return
        # Nothing tells when a server begins to listen but asking it.
        threading.Event().wait(0.1)
    pytest.skip("Synapse did not start")


# A raw socket


@contextlib.contextmanager
def serving(reply: Callable[[httpx.Request], httpx.Response]) -> Iterator[str]:
    """A server on loopback that answers as ``reply`` says, a fake of a service say; its address."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = f"http://{self.headers['Host']}{self.path}"
            answer = reply(httpx.Request(self.command, url, headers=list(self.headers.items()), content=body))
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in ("content-length", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


UNREAD = "unread"
"""In a script of ``RawServer``: reset the connection when a request is there, and read nothing of it."""


class RawServer:
    """A TCP server on loopback that answers each connection by ``script``: bytes are sent, None resets it, a
    pair of bytes is sent and then dripped for ever, and ... keeps silent until the test is over. The last entry
    repeats. ``requests`` holds what came; with ``tls`` only what came encrypted."""

    def __init__(
        self,
        *script: bytes | tuple[bytes, bytes] | str | EllipsisType | None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._script = list(script)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._connection: socket.socket | None = None
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if connection := self._connection:
            with contextlib.suppress(OSError):  # a client may have connected and sent nothing
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection = connection
            with contextlib.suppress(OSError), self._secured(connection) as connection:
                if self._over.is_set():
                    return
                act = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                if isinstance(act, str):
                    connection.recv(1, socket.MSG_PEEK)
                else:
                    self.requests.append(self._request(connection))
                if act is None or isinstance(act, str):
                    # Lingering for no time turns the close into a reset.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                elif act is ...:
                    self._over.wait(30)
                elif isinstance(act, tuple):
                    connection.sendall(act[0])
                    while not self._over.wait(0.05):
                        connection.sendall(act[1])
                else:
                    connection.sendall(act)

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    @staticmethod
    def _request(connection: socket.socket) -> bytes:
        data = b""
        # A TLS hello begins with 0x16 and has no line to wait for.
        while b"\r\n\r\n" not in data and not data.startswith(b"\x16"):
            if not (part := connection.recv(65536)):
                return data
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        length = int(lengths[0]) if lengths else 0
        while len(body) < length and (part := connection.recv(65536)):  # b"": cut off in the middle
            body += part
        return head + b"\r\n\r\n" + body


def http_answer(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    """The bytes of an HTTP answer that closes its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
