"""How fast the journal is, printed: ``python -m tests.bench.journal [folder]``. Asserts nothing.

The folder (the system's temporary one if none is named) says which disk is measured; the data is made up afresh
and removed. Beside each append stands a bare write and fsync of as many bytes: what the disk alone asks for.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from warroom.incident.chat_events import ChatMessage
from warroom.incident.delivery import DeliveryState, Message, OutboxItem
from warroom.incident.events import (
    AlertReceived,
    Declared,
    Event,
    EvidencePinned,
    ItemChecked,
    Noted,
    RoleAssigned,
    UpdatePosted,
)
from warroom.journal.sqlite import SqliteJournal

INCIDENTS = 1_000
LENGTH = 300
LONG = 10_000
START = datetime(2026, 3, 1, tzinfo=UTC)
LINE = "ERROR checkout-api upstream timed out after 30000 ms (request 7f3a, pool exhausted, 200/200 in use)"
SUMMARY = '{"title": "Payments fail for one in five", "severity": "critical", "status": "investigating", "%s": 1}'


def events(count: int, chance: random.Random) -> list[Event]:
    """An incident as teams write them: mostly notes, chat and evidence, every twelfth entry an update."""
    words = LINE.split()
    found: list[Event] = [
        Declared(service="checkout-api", impact="payments fail", severity="critical", started_at=START)
    ]
    for n in range(1, count):
        text = " ".join(chance.choices(words, k=chance.randrange(4, 24)))
        message = "\n".join(f"Line {k}: {text}" for k in range(5))
        kinds: list[Event] = [
            Noted(note="finding", words=text),
            ChatMessage(who="Ann", via="slack", words=text),
            EvidencePinned(source="app.log", line=n, logged_at=START, level="error", words=LINE),
            ItemChecked(item="channel", title="Channel opened", because="channel"),
            RoleAssigned(role="ic", title="Incident commander", person="Bob"),
            AlertReceived(name="HighErrorRate", source="prometheus", detail=text),
        ]
        update = UpdatePosted(
            number=n,
            message="update",
            template="team",
            audience="team",
            status="investigating",
            fields={"impact": text, "next_steps": text},
            title=f"Update {n}",
            words=message,
            destinations=("slack",),
        )
        found.append(update if n % 12 == 0 else chance.choice(kinds))
    return found


def order(destination: str) -> OutboxItem:
    message = Message(
        kind="update",
        audience="team",
        incident="INC-1",
        severity="critical",
        status="investigating",
        title="Update 1",
        text=LINE * 5,
        marker="INC-1·u1",
        at=START,
    )
    return OutboxItem(operation="post", destination=destination, message=message)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def spread(times: Sequence[float]) -> str:
    ranked = sorted(times)
    at = [ranked[min(len(ranked) - 1, int(len(ranked) * share))] for share in (0.5, 0.95, 1.0)]
    return f"p50 {at[0]:7.2f}   p95 {at[1]:7.2f}   max {at[2]:7.2f} ms"


def show(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:58} {figure}\n")


def bare_fsync(folder: Path, size: int, times: int) -> list[float]:
    with (folder / "bare").open("wb", buffering=0) as file:

        def once() -> None:
            file.write(b"x" * size)
            os.fsync(file.fileno())

        return [timed(once) for _ in range(times)]


def main(folder: Path) -> None:
    """Fill a journal in ``folder`` and print what it took."""
    chance = random.Random(7)
    path = folder / "journal.db"
    journal = SqliteJournal(path)

    size = 24_000  # about six pages of four KiB: what the log takes for one entry with its delivery
    show("bare write + fsync, 24 kB", spread(bare_fsync(folder, size, 300)))
    some = events(600, chance)
    show(
        "append, one entry",
        spread(
            [
                timed(lambda n=n: journal.append("INC-1", n, [some[n]], at=START, by="Ann", summary=SUMMARY))
                for n in range(300)
            ]
        ),
    )
    show(
        "append, one entry and two deliveries",
        spread(
            [
                timed(
                    lambda n=n: journal.append(
                        "INC-1",
                        n,
                        [some[n]],
                        [(0, order("slack")), (0, order("mail"))],
                        at=START,
                        by="Ann",
                        summary=SUMMARY,
                    )
                )
                for n in range(300, 600)
            ]
        ),
    )
    show("save_draft", spread([timed(lambda n=n: journal.save_draft("k", LINE * n)) for n in range(1, 100)]))

    show(
        "deliveries() of a stream with 600", spread([timed(lambda: journal.deliveries("INC-1")) for _ in range(20)])
    )

    def send() -> None:
        claimed = journal.claim("elsewhere:1:x", START)
        if claimed:
            journal.complete(claimed.id, owner="elsewhere:1:x", outcome=DeliveryState.DELIVERED)

    show("claim and settle, 600 down to 0 waiting", spread([timed(send) for _ in range(600)]))
    show("claim, nothing waiting", spread([timed(lambda: journal.claim("e:1:x", START)) for _ in range(1000)]))
    show("change_count", spread([timed(journal.change_count) for _ in range(1000)]))

    start = time.perf_counter()
    for number in range(2, INCIDENTS + 1):
        whole = events(LENGTH, chance)
        # As it grows in life: incidents side by side would be slower to make and no different to read.
        for at in range(0, LENGTH, 50):
            journal.append(
                f"INC-{number}",
                at,
                whole[at : at + 50],
                at=START + timedelta(minutes=at),
                by="Ann",
                summary=SUMMARY % number,
            )
    show(f"{INCIDENTS} incidents × {LENGTH} entries written in", f"{time.perf_counter() - start:.1f} s")
    longest = events(LONG, chance)
    took = timed(lambda: journal.append("INC-9999", 0, longest, at=START, by="Ann"))
    show(f"append, {LONG} entries at once", f"{took:.0f} ms")

    show("summaries()", spread([timed(journal.summaries) for _ in range(50)]))
    show(
        f"read() of {LENGTH}",
        spread([timed(lambda: journal.read(f"INC-{chance.randrange(2, INCIDENTS)}")) for _ in range(200)]),
    )
    show(
        f"read() of the last 1 of {LENGTH}",
        spread(
            [timed(lambda: journal.read(f"INC-{chance.randrange(2, INCIDENTS)}", LENGTH - 1)) for _ in range(200)]
        ),
    )
    show(f"read() of {LONG}", spread([timed(lambda: journal.read("INC-9999")) for _ in range(10)]))

    over = threading.Event()

    def read_on() -> None:
        while not over.is_set():
            journal.read("INC-9999")

    reader = threading.Thread(target=read_on)
    reader.start()
    length = journal.version("INC-2")
    show(
        f"append, while another thread reads {LONG} over and over",
        spread(
            [
                timed(lambda n=n: journal.append("INC-2", length + n, [some[n]], at=START, by="Ann"))
                for n in range(100)
            ]
        ),
    )
    over.set()
    reader.join()

    took = timed(journal.check)
    show("check()", f"{took:.0f} ms")
    took = timed(journal.close)
    show("close()", f"{took:.0f} ms")
    show("open()", spread([timed(lambda: SqliteJournal(path).close()) for _ in range(20)]))
    total = (INCIDENTS - 1) * LENGTH + LONG + 700
    show("file", f"{path.stat().st_size / 1e6:.0f} MB, {path.stat().st_size / total:.0f} bytes an entry")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        main(Path(name))
