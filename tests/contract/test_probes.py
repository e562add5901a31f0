"""Probes: each kind against a real server or command, and what is left of one that fails."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from warroom.bootstrap import make_probe
from warroom.config.loading import load
from warroom.config.paths import AppPaths
from warroom.config.settings import ProbeSettings
from warroom.connect import guarded_probe
from warroom.connect.guarded_probe import GuardedProbe
from warroom.connect.secret_mask import SecretMask
from warroom.errors import SettingsError, WarroomError
from warroom.incident.readings import Reading, judged

HANGS_S = 20.0


def measured(kind: str, folder: Path, environ: Mapping[str, str] | None = None, **options: Any) -> Reading:
    """One reading of a probe as the settings make it."""
    settings = ProbeSettings(name="it", kind=kind, **options)
    probe = make_probe(settings, AppPaths.find({"HOME": str(folder)}, {}), environ or {})

    async def run() -> Reading:
        try:
            return await probe.run()
        finally:
            await probe.close()

    return asyncio.run(run())


# ── http ──────────────────────────────────────────────────────────────────────────────────────────────────


class Answers(BaseHTTPRequestHandler):
    """A service: paths answer as they are called."""

    def do_GET(self) -> None:
        bodies = {
            "/ok": (200, b"all good\nversion 3\n"),
            "/broken": (503, b"no"),
            "/moved": (302, b""),
            "/status.json": (200, b'{"status": {"indicator": "none"}, "parts": [{"up": true}]}'),
            "/secret": (200 if self.headers.get("Authorization") == "Bearer s3cret-token" else 401, b""),
        }
        status, body = bodies[self.path]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "https://login.example.org/?next=x")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "options", "speaks", "says"),
    [
        ("/ok", {}, "for", "HTTP 200"),
        ("/ok", {"method": "HEAD"}, "for", "HTTP 200"),
        ("/broken", {}, "against", "not 2xx"),
        ("/broken", {"status": [503]}, "for", "HTTP 503"),
        ("/ok", {"status": [204, 301]}, "against", "not 204 or 301"),
        ("/moved", {}, "against", "a redirect to login.example.org"),
        ("/ok", {"match": "^version [0-9]$"}, "for", "HTTP 200"),
        ("/ok", {"match": "^version 4$"}, "against", "no line matches ^version 4$"),
        ("/ok", {"latency_ms": 0.0001}, "against", "more than 0 ms"),
        ("/status.json", {"json_path": "status.indicator", "equals": "none"}, "for", "HTTP 200"),
        ("/status.json", {"json_path": "parts.0.up", "equals": "true"}, "for", "HTTP 200"),
        ("/status.json", {"json_path": "parts.1.up", "equals": "true"}, "against", "is null, not true"),
        ("/ok", {"json_path": "status", "equals": "up"}, "against", "is null, not up"),
        ("/secret", {"headers": {"Authorization": {"env": "TOKEN"}}}, "for", "HTTP 200"),
    ],
)
def test_an_answer_is_judged(
    service: str, tmp_path: Path, path: str, options: dict[str, Any], speaks: str, says: str
) -> None:
    reading = measured("http", tmp_path, {"TOKEN": "Bearer s3cret-token"}, url=service + path, **options)
    assert (reading.speaks, says in reading.text) == (speaks, True), reading
    assert reading.unit == "ms" and reading.value is not None
    assert "s3cret" not in repr(reading)


def test_a_service_that_is_not_there_speaks_against_the_item(tmp_path: Path) -> None:
    reading = measured("http", tmp_path, url=f"http://127.0.0.1:{free_port()}/")
    assert reading.speaks == "against" and reading.text.startswith("127.0.0.1 cannot be reached")


def test_a_service_that_hangs_speaks_against_the_item_after_its_limit(tmp_path: Path) -> None:
    with silent_port() as port:
        reading = measured("http", tmp_path, url=f"http://127.0.0.1:{port}/", timeout_s=0.05)
    assert reading.speaks == "against" and "did not answer in time" in reading.text


def test_the_certificate_of_an_address_is_judged_by_the_days_it_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    client, server_side = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(client)
    authority.issue_cert("localhost").configure_cert(server_side)
    monkeypatch.setattr("warroom.connect.http._authorities", lambda trust_env: client)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.socket = server_side.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://localhost:{server.server_port}/ok"
        enough = measured("http", tmp_path, url=url, certificate_days=1)
        soon = measured("http", tmp_path, url=url, certificate_days=1_000_000)
        server.shutdown()
    assert enough.speaks == "for" and enough.text.startswith("HTTP 200 in ")
    assert soon.speaks == "against" and ", its certificate is valid for " in soon.text and soon.unit == "ms"


# ── promql ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Prometheus without any target."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not there: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    config = folder / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1s}\n")
    port = free_port()
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{address}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(ready)
        yield address
    finally:
        process.terminate()
        process.wait(10)


NOW = "vector(time())"
TWO = 'label_replace(vector(2), "a", "x", "", "") or label_replace(vector(5), "a", "y", "", "")'


@pytest.mark.parametrize(
    ("options", "speaks", "says", "value"),
    [
        ({"query": "vector(3)", "at_most": 3}, "for", "3", 3),
        (
            {"query": "vector(4)", "at_most": 3, "unit": " errors/s"},
            "against",
            "4 errors/s, more than 3 errors/s",
            4,
        ),
        ({"query": "scalar(vector(4))", "at_least": 5}, "against", "4, less than 5", 4),
        ({"query": TWO, "at_most": 4}, "against", "5, more than 4", 5),
        ({"query": TWO, "at_least": 4, "worse": "lower"}, "against", "2, less than 4", 2),
        ({"query": "vector(7)", "baseline": "1d"}, "for", "7, normally 7", 7),
        # What the same query gave an hour ago: the time itself only grows.
        ({"query": "vector(time())", "baseline": "1h", "tolerance": 0}, "against", ", normally ", None),
        (
            {"query": "vector(time())", "baseline": "1h", "tolerance": 0, "worse": "lower"},
            "for",
            ", normally ",
            None,
        ),
        ({"query": "vector(1234567)", "at_most": 1}, "against", "1,234,567, more than 1", 1234567),
        ({"query": "vector(1) / 0", "at_most": 1}, "against", "inf, more than 1", float("inf")),
    ],
)
def test_a_query_is_judged_by_a_real_prometheus(
    prometheus: str, tmp_path: Path, options: dict[str, Any], speaks: str, says: str, value: float | None
) -> None:
    reading = measured("promql", tmp_path, url=prometheus, **options)
    assert (reading.speaks, says in reading.text) == (speaks, True), reading
    assert value is None or reading.value == value


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("up", "cannot be measured: the query gives no data"),
        ("vector(0) / 0", "cannot be measured: the query gives no data"),
        ("rate(", "cannot be measured: the query failed: "),
    ],
)
def test_a_query_without_a_result_measures_nothing(prometheus: str, tmp_path: Path, query: str, says: str) -> None:
    reading = measured("promql", tmp_path, url=prometheus, query=query, at_most=1)
    assert reading.speaks == "neither" and reading.text.startswith(says), reading


def test_a_prometheus_that_is_not_there_measures_nothing(service: str, tmp_path: Path) -> None:
    gone = measured("promql", tmp_path, url=f"http://127.0.0.1:{free_port()}", query="up", at_most=1)
    assert gone.speaks == "neither" and "Prometheus cannot be reached" in gone.text


# ── command, tcp, dns, tls ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "speaks", "says"),
    [
        ("print('all\\n\\n3 of 3 journeys work\\n')", "for", "3 of 3 journeys work"),
        ("pass", "for", "exit status 0"),
        ("import sys; print('login fails', file=sys.stderr); sys.exit(2)", "against", "exit status 2: login fails"),
        ("import sys; sys.exit(3)", "against", "exit status 3"),
        ("print('x' * 9_000_000); print('done')", "for", "done"),
        ("import os; os.kill(os.getpid(), 9)", "against", "exit status -9"),
        ("print('\\x1b[31mred\\x1b[0m')", "for", "red"),
    ],
)
def test_a_command_is_judged_by_its_exit_status(tmp_path: Path, code: str, speaks: str, says: str) -> None:
    reading = measured("command", tmp_path, command=[sys.executable, "-c", code])
    assert (reading.speaks, reading.text) == (speaks, says)


def test_a_command_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {mark}; wait"
    # The shell has written the id long before the limit, or is ended before it starts anything.
    reading = measured("command", tmp_path, command=["sh", "-c", script], timeout_s=1.0)
    assert reading == Reading("cannot be measured: sh does not end within 1 s")
    if mark.exists() and mark.read_text().strip():
        wait_until(lambda: not running(int(mark.read_text())))


def test_a_command_that_is_not_there_measures_nothing(tmp_path: Path) -> None:
    reading = measured("command", tmp_path, command=["no-such-program"])
    assert reading == Reading("cannot be measured: no-such-program cannot be run: no such file or directory")


def test_a_port_is_open_or_not(tmp_path: Path) -> None:
    with silent_port() as port:
        reading = measured("tcp", tmp_path, host="127.0.0.1", port=port)
    assert reading.speaks == "for" and reading.text.startswith(f"127.0.0.1:{port} accepts connections")
    closed = measured("tcp", tmp_path, host="127.0.0.1", port=free_port())
    assert closed.speaks == "against" and "cannot be reached" in closed.text


def test_a_name_resolves_to_what_it_should(tmp_path: Path) -> None:
    found = measured("dns", tmp_path, host="localhost")
    assert found.speaks == "for" and found.text.startswith("localhost resolves to ")
    other = measured("dns", tmp_path, host="localhost", expect=["192.0.2.1"])
    assert other.speaks == "against" and other.text.endswith(", not to 192.0.2.1")
    # RFC 6761: no resolver knows a name below .invalid.
    gone = measured("dns", tmp_path, host="no-such-name.invalid")
    assert gone == judged(False, "no-such-name.invalid does not resolve")
    assert measured("dns", tmp_path, host=f"{'a' * 64}.example").speaks == "against"


@contextmanager
def tls_server(authority: trustme.CA, folder: Path) -> Iterator[tuple[int, str]]:
    """A server that speaks TLS as localhost: its port, and the file with its authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    ready, done = threading.Event(), threading.Event()
    port = 0

    async def serve() -> None:
        nonlocal port
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(HANGS_S)
    try:
        yield port, str(trusted)
    finally:
        done.set()
        thread.join(HANGS_S)


def test_a_certificate_is_judged_by_the_days_it_has_left(tmp_path: Path) -> None:
    with tls_server(trustme.CA(), tmp_path) as (port, trusted):
        about: dict[str, Any] = {"host": "localhost", "connect_to": "127.0.0.1", "port": port}
        valid = measured("tls", tmp_path, **about, ca_file=trusted)
        assert valid.speaks == "for" and valid.value and valid.unit == "days"
        short = measured("tls", tmp_path, **about, ca_file=trusted, days=1_000_000)
        assert short.speaks == "against" and short.text.startswith("the certificate of localhost is valid for ")
        unknown = measured("tls", tmp_path, **about)
        assert unknown.speaks == "against" and "is not accepted: " in unknown.text
        other = measured("tls", tmp_path, **{**about, "host": "example.org"}, ca_file=trusted)
        assert other.speaks == "against" and "is not accepted: " in other.text


def test_a_server_without_tls_speaks_against_the_item(service: str, tmp_path: Path) -> None:
    port = int(service.rpartition(":")[2])
    reading = measured("tls", tmp_path, host="localhost", connect_to="127.0.0.1", port=port)
    assert reading.speaks == "against" and "cannot be reached" in reading.text
    missing = measured("tls", tmp_path, host="localhost", port=port, ca_file=str(tmp_path / "none.pem"))
    assert missing == Reading("cannot be measured: ca_file cannot be read: No such file or directory")


# ── what is left of a probe that fails ────────────────────────────────────────────────────────────────────


class Strange:
    """A plugin's probe that does ``what``."""

    def __init__(self, what: Callable[[], Any]) -> None:
        self.what = what

    async def run(self) -> Any:
        result = self.what()
        return await result if asyncio.iscoroutine(result) else result

    async def close(self) -> None:
        await self.run()


def raises(error: BaseException) -> Any:
    raise error


async def forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (lambda: raises(ZeroDivisionError("s3cret-token")), "cannot be measured: ZeroDivisionError: ‹redacted›"),
        (lambda: raises(asyncio.CancelledError()), "cannot be measured: CancelledError"),
        (
            lambda: raises(WarroomError("no such metric s3cret-token")),
            "cannot be measured: no such metric ‹redacted›",
        ),
        (lambda: "fine", "cannot be measured: the probe gave no reading"),
        (forever, "cannot be measured: no result within 0.05 s"),
        (lambda: Reading("a\n b\ts3cret-token", "for"), "a b ‹redacted›"),
    ],
)
@pytest.mark.parametrize("package", ["warroom", "another"])
def test_whatever_a_probe_does_one_line_comes_of_it(
    monkeypatch: pytest.MonkeyPatch, what: Callable[[], Any], text: str, package: str
) -> None:
    monkeypatch.setattr(guarded_probe, "RUN_S", 0.05)
    probe = GuardedProbe("odd", Strange(what), SecretMask({"s3cret-token"}), package)

    async def run() -> Reading:
        try:
            return await probe.run()
        finally:
            await probe.close()

    assert asyncio.run(run()).text == text


def test_a_plugin_that_blocks_holds_up_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_probe, "RUN_S", 0.05)
    released = threading.Event()
    probe = GuardedProbe("blocks", Strange(lambda: released.wait(HANGS_S)), SecretMask(()), "another")
    try:
        assert asyncio.run(probe.run()).text == "cannot be measured: no result within 0.05 s"
    finally:
        released.set()


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("table", "place", "says"),
    [
        ('kind = "http"', "settings.toml:1 [probes.it] url", "missing key"),
        ('kind = "http"\nurl = "https://x.example"\nmatch = "("', "settings.toml:4 [probes.it] match", "pattern"),
        ('kind = "ping"', "settings.toml:2 [probes.it] kind", 'no kind of probe is called "ping"'),
        ('kind = "tcp"\nhost = "db"\nport = 99999', "settings.toml:4 [probes.it] port", "65535"),
        ('kind = "promql"\nurl = "http://p"\nquery = "up"', "[probes.it]", "needs at_most, at_least or baseline"),
        ('kind = "http"\nurl = "http://x"\ncertificate_days = 9', "[probes.it]", "needs an https:// address"),
        ('kind = "http"\nurl = "nonsense"', "[probes.it]", "not a web address"),
        (
            'kind = "http"\nurl = "https://x.example"\nheaders = { Authorization = "Bearer abc" }',
            "settings.toml:4 [probes.it.headers] Authorization",
            "plaintext secret",
        ),
    ],
)
def test_a_mistake_in_the_options_is_told_with_its_place(tmp_path: Path, table: str, place: str, says: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"[probes.it]\n{table}\n")
    settings = load(file, {})
    with pytest.raises(SettingsError) as caught:
        make_probe(settings.probes["it"], AppPaths.find({}, {"settings": str(file)}), {})
    assert place in str(caught.value) and says in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[probes.x]\nevery = 15\n", "[probes.x] kind"),
        ('[probes.x]\nkind = "tcp"\nevery = 4\n', "settings.toml:3 [probes.x] every"),
        ('[probes.x]\nkind = "tcp"\nevery = 301\n', "settings.toml:3 [probes.x] every"),
        ('[probes.x]\nkind = "tcp"\nservice = "no"\n', 'settings.toml:3 [probes.x] service: "no" is not in'),
        ('[probes.errors]\nkind = "tcp"\n', '[probes] errors: "errors" is measured by the console itself'),
        ('[probes.x]\nkind = "tcp"\nverifies = "errors"\n', "settings.toml:3 [probes.x] verifies"),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    assert says in str(caught.value)


# ── helpers ───────────────────────────────────────────────────────────────────────────────────────────────


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def running(pid: int) -> bool:
    """Whether there is such a process, one that has ended and was not waited for aside."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(true: Callable[[], bool]) -> None:
    """Wait until it is so; a busy machine takes longer."""
    pause = threading.Event()
    for _ in range(int(HANGS_S / 0.02)):
        if true():
            return
        pause.wait(0.02)
    raise AssertionError("it never became so")
