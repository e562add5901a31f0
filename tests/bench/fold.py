"""How long folding 10,000 entries takes, and following them by one more: python -m tests.bench.fold"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from warroom.incident import events as ev
from warroom.incident.events import Entry, Event, parse_event
from warroom.incident.incident import apply, fold

START = datetime(2026, 1, 28, 12, 0, tzinfo=UTC)
COUNT = 10_000
RUNS = 15
TARGET_MS = 50


def history() -> list[Entry]:
    """A long incident: mostly words, with everything else in between."""
    update = ev.UpdatePosted(
        number=1,
        message="update",
        template="update",
        audience="team",
        status="investigating",
        fields={"impact": "Half of the orders fail"},
        title="INC-1",
        words="We look into it",
        next_update_at=START,
    )
    turns: list[Event] = [
        ev.Noted(note="finding", words="Pool exhausted on 3 of 4 hosts"),
        ev.ChatMessage(who="Bo", via="slack", words="looking at the pool"),
        ev.EvidencePinned(source="app.log", line=812, words="ERROR no connection within 30 s"),
        ev.AlertReceived(name="error_rate", source="prometheus"),
        ev.Noted(note="note", words="Called the vendor"),
        ev.ItemChecked(item="findings", title="Document investigation findings", because="noted"),
        update,
        ev.ItemUnchecked(item="findings", title="Document investigation findings"),
        ev.RoleAssigned(role="technical_lead", title="Technical lead", person="Bo"),
        ev.EntryAmended(entry=5, words="Put right"),
    ]
    facts: list[Event] = [ev.Declared(service="web", impact="down", severity="high", started_at=START)]
    facts += [turns[n % len(turns)] for n in range(COUNT - 1)]
    return [
        Entry(stream="INC-1", seq=seq, id=UUID(int=seq), at=START + timedelta(seconds=seq), by="Ada", event=event)
        for seq, event in enumerate(facts, 1)
    ]


def measured(what: str, work: object, target_ms: float | None = None) -> None:
    """Print the median and the best of several runs of ``work``."""
    assert callable(work)
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1000)
    target = f"   target {target_ms:g} ms" if target_ms else ""
    sys.stdout.write(f"{what:<44} median {statistics.median(times):8.3f} ms   best {min(times):8.3f} ms{target}\n")


def main() -> None:
    """Measure and report."""
    entries = history()
    incident = fold("INC-1", entries)
    one_more = entries[-1].model_copy(update={"seq": COUNT + 1})
    bodies = [entry.event.model_dump_json() for entry in entries]
    measured(f"fold {COUNT:,} entries", lambda: fold("INC-1", entries), TARGET_MS)
    measured(f"apply one more to {COUNT:,}", lambda: apply(incident, one_more))
    measured(f"sort the timeline of {COUNT:,}", lambda: incident.timeline)
    measured(f"parse {COUNT:,} events from JSON", lambda: [parse_event(body) for body in bodies])


if __name__ == "__main__":
    main()
