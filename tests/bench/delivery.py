"""How soon a message is on its way, printed: ``python -m tests.bench.delivery``. Asserts nothing.

From ``room.post_update``, which is what a key calls, until a server on this machine has the request; by then the
entry and its delivery are on disk. Times do not travel, so these are beside a bare write, fsync and request of as
many bytes; beside the same destinations with one among them that never answers; and ``warroom status`` with every
backend in the settings beside one with none.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import tomli_w

from tests.bench.console import medians_s, whole
from tests.harness.chat_services import SECRET, Asked, ChatServer, OnceService
from tests.harness.servers import RawServer
from warroom.bootstrap import open_context
from warroom.incident.commands import Declare

UPDATES = 100
DESTINATIONS, ROUNDS = 20, 40
EVERYTHING: dict[str, dict[str, Any]] = {
    "slack": {"token": SECRET},
    "matrix": {"homeserver": "https://matrix.test", "token": SECRET},
    "mattermost": {"server": "https://chat.test", "token": SECRET, "team": "acme"},
    "mattermost-webhook": {"url": f"https://chat.test/hooks/{SECRET}"},
    "discord": {"token": SECRET, "guild": "100000000000000001"},
    "discord-webhook": {"url": f"https://discord.com/api/webhooks/300000000000000001/{SECRET}"},
    "teams": {"url": f"https://flows.test/{SECRET}"},
    "google-chat": {"url": f"https://chat.googleapis.com/v1/spaces/A/messages?key=k&token={SECRET}"},
    "zulip": {"site": "https://team.test", "email": "bot@team.test", "api_key": SECRET, "channel": "ops"},
    "telegram": {"token": f"110201543:{SECRET}", "chat": "@ops"},
    "email": {"host": "mail.test", "sender": "a@team.test", "recipients": ["b@team.test"]},
    "apprise": {"url": f"json://host.test/{SECRET}"},
    "webhook": {"url": f"https://hooks.test/{SECRET}"},
    "transcript": {},
}
AT_THE_END = """
import sys
from warroom.__main__ import main
try:
    main()
except SystemExit:
    pass
peak = open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]
print("AT-THE-END", peak, *sorted(name for name in sys.modules if name.startswith("warroom.connect.chat.")))
"""
"""Runs warroom, then tells its most memory in kB, and the backends that were imported."""


class Arrivals:
    """When each text arrived at each destination: a ``ChatServer.fault`` that lets everything pass."""

    def __init__(self) -> None:
        self._times: dict[str, dict[str, float]] = defaultdict(dict)
        self._news = threading.Condition()

    def __call__(self, asked: Asked) -> None:
        now = time.perf_counter()
        with self._news:
            self._times[asked.given["text"]][asked.service] = now
            self._news.notify_all()

    def of(self, words: str, count: int) -> list[float]:
        """The times of so many requests with the words, once they are here."""

        def found() -> list[float]:
            return [time for text, times in self._times.items() if words in text for time in times.values()]

        with self._news:
            self._news.wait_for(lambda: len(found()) >= count, 60)
            return found()


def settings(folder: Path, destinations: dict[str, dict[str, Any]]) -> Path:
    """A file of settings with these destinations."""
    path = folder / f"settings{len(destinations)}.toml"
    tables = {name: {"plain_secrets": True, **options} for name, options in destinations.items()}
    path.write_text(tomli_w.dumps({"team": {"people": [{"name": "Ada"}]}, "destinations": tables}))
    return path


class Console:
    """A warroom with a webhook for each address, of which so many answer."""

    def __init__(self, folder: Path, urls: Sequence[str], arrivals: Arrivals, answering: int) -> None:
        folder.mkdir()
        self._arrivals = arrivals
        self._answering = answering
        destinations = {
            f"d{n}": {"backend": "webhook", "url": url, "idempotent": True} for n, url in enumerate(urls)
        }
        self.context = open_context(settings(folder, destinations), folder, "Ada", environ={})
        self.context.jobs.start(self.context.outbox())
        words = unlike_any()
        self._incident = self.context.room.declare(Declare("checkout-api", words)).incident.id
        arrivals.of(words, answering)

    def update_ms(self) -> list[float]:
        """Milliseconds from posting an update until each of those that answer had it."""
        words = unlike_any()
        begun = time.perf_counter()
        self.context.room.post_update(self._incident, "update", {"impact": words, "next_update": "+15m"})
        return [(at - begun) * 1000 for at in self._arrivals.of(words, self._answering)]


def unlike_any() -> str:
    """Words that no other update has."""
    return f"payments fail {time.time_ns()}"


def bare_ms(file: BinaryIO, client: httpx.Client, url: str, arrivals: Arrivals) -> float:
    """The same with a write, an fsync and a request alone."""
    words = unlike_any()
    begun = time.perf_counter()
    file.write(b"x" * 420)
    os.fsync(file.fileno())
    client.post(url, json={"text": words, "more": "x" * 300}, headers={"Idempotency-Key": words})
    return (arrivals.of(words, 1)[0] - begun) * 1000


def p(percent: int, values: Iterable[float]) -> float:
    """A percentile."""
    ascending = sorted(values)
    return ascending[min(len(ascending) - 1, len(ascending) * percent // 100)]


def delivering(folder: Path) -> None:
    """One destination beside the bare work; then twenty beside twenty of which one never answers. Turn by turn."""
    arrivals = Arrivals()
    services = [OnceService(f"once-{n}") for n in range(DESTINATIONS)]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ChatServer(*services, fault=arrivals))
        silent = stack.enter_context(RawServer(...))
        file = stack.enter_context((folder / "bare").open("ab", buffering=0))
        client = stack.enter_context(httpx.Client(trust_env=False))
        urls = [service.options(server.url_of(service))["url"] for service in services]

        def console(name: str, urls: Sequence[str], answering: int) -> Console:
            made = Console(folder / name, urls, arrivals, answering)
            stack.enter_context(made.context)
            return made

        one = console("one", urls[:1], 1)
        pairs = [(bare_ms(file, client, urls[0], arrivals), *one.update_ms()) for _ in range(UPDATES)][1:]
        bare, key = ([pair[n] for pair in pairs] for n in range(2))
        print(f"write, fsync, request       {p(50, bare):6.1f} ms, p95 {p(95, bare):.1f} ms")
        print(
            f"key to request              {p(50, key):6.1f} ms, p95 {p(95, key):.1f} ms"
            f"   {p(50, key) / p(50, bare):.1f} ×, p95 {p(95, key) / p(95, bare):.1f} × that"
        )
        others = DESTINATIONS - 1
        all_answer = console("all", urls, DESTINATIONS)
        one_hangs = console("hangs", [*urls[:others], f"{silent.url}/x"], others)
        healthy, hanging = [], []
        for _ in range(ROUNDS):
            healthy += all_answer.update_ms()
            hanging += one_hangs.update_ms()
        print(f"{DESTINATIONS} destinations             {p(50, healthy):6.1f} ms, p95 {p(95, healthy):.1f} ms")
        print(
            f"one hangs: the others       {p(50, hanging):6.1f} ms, p95 {p(95, hanging):.1f} ms"
            f"   p95 {p(95, hanging) / p(95, healthy):.2f} × that"
        )


def at_the_end(*words: str) -> tuple[float, list[str]]:
    """The most memory, in MB, that ``warroom`` with these words has had, and the backends that it imported."""
    done = subprocess.run([sys.executable, "-c", AT_THE_END, *words], capture_output=True, text=True, check=True)
    peak, *backends = done.stdout.partition("AT-THE-END")[2].split()
    return int(peak) / 1024, backends


def starting(folder: Path) -> None:
    """``warroom status`` with every backend in the settings and with none, in turn."""
    everything = {name: {"backend": name, **options} for name, options in EVERYTHING.items()}
    files = {"no destination": settings(folder, {}), "every backend": settings(folder, everything)}
    with open_context(files["no destination"], folder / "status", "Ada", environ={}) as context:
        context.room.declare(Declare("checkout-api", "payments fail"))
    words = {
        name: ("--settings", str(path), "--data", str(folder / "status"), "status") for name, path in files.items()
    }
    seconds = medians_s(
        {
            name: (lambda more=more: whole(sys.executable, "-m", "warroom", *more))  # type: ignore[misc]
            for name, more in words.items()
        }
    )
    ends = {name: at_the_end(*more) for name, more in words.items()}
    first = "no destination"
    for name in files:
        print(
            f"status, {name:<20}{seconds[name] * 1000:6.0f} ms   {seconds[name] / seconds[first]:.2f} ×"
            f"   {ends[name][0]:.1f} MB   {ends[name][0] / ends[first][0]:.2f} ×"
        )
    print(f"backends it imported        {', '.join(ends['every backend'][1]) or 'none'}")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update({"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder})
        delivering(Path(folder))
        starting(Path(folder))


if __name__ == "__main__":
    main()
