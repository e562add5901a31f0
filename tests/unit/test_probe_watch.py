"""The probes of open incidents: what they measure is kept with the incident; one that fails costs its own line."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.app import AppHarness

from warroom.bootstrap import open_context
from warroom.config.settings import ProbeSettings, Service
from warroom.errors import SettingsError
from warroom.incident.commands import Declare, RecordFix, Resolve
from warroom.incident.readings import (
    ERRORS,
    FRESH_S,
    KEEP_AGAIN,
    KEPT,
    Observation,
    Reading,
    judged,
    of_last_minute,
    worst_of,
)
from warroom.room.probe_turns import BEHIND_S, ProbeTurns
from warroom.room.probe_watch import ProbeWatch, take_all
from warroom.room.snapshot import AFTER_FIX, incident_snapshot


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


class Probes:
    """Probes by name: what each measures, how often it was run, and which are open."""

    def __init__(self, **readings: Reading | Exception | None) -> None:
        self.readings = readings
        self.runs: dict[str, int] = {}
        self.open: set[str] = set()

    def make(self, name: str) -> Any:
        probes = self

        class Probe:
            async def run(self) -> Reading:
                probes.runs[name] = probes.runs.get(name, 0) + 1
                reading = probes.readings[name]
                if reading is None:
                    await asyncio.Event().wait()
                if isinstance(reading, Exception):
                    raise reading
                assert reading is not None
                return reading

            async def close(self) -> None:
                probes.open.remove(name)

        if isinstance(self.readings[name], SettingsError):
            raise self.readings[name]  # type: ignore[misc]
        self.open.add(name)
        return Probe()


def configured(harness: AppHarness, **services: str) -> None:
    """Give the room a probe of each name for a service ("" for any); a dash in the name names what it verifies."""
    settings = harness.room.settings
    known = {service.name for service in settings.services}
    more = tuple(Service(name=name) for name in set(services.values()) - known - {""})
    probes = {
        name: ProbeSettings(name=name, kind="tcp", service=service, verifies="health" if "health_" in name else "")
        for name, service in services.items()
    }
    harness.room.settings = settings.model_copy(update={"probes": probes, "services": (*settings.services, *more)})


FINE = judged(True, "HTTP 200", 12.0, "ms")
BAD = judged(False, "HTTP 503", 9.0, "ms")


def turns(watch: ProbeWatch, count: int = 2) -> None:
    """Start what is due, let it end, and keep it."""

    async def run() -> None:
        for _ in range(count):
            await watch.turn()
            await watch.settled()
        watch.stop()
        await watch.run()  # which ends at once, and lets go of the probes

    asyncio.run(run())


def read(harness: AppHarness, incident: str, item: str, later_s: float = 0) -> Reading | None:
    snapshot = incident_snapshot(harness.room, incident)
    return snapshot.reading(item, harness.room.clock() + timedelta(seconds=later_s))


def declare(harness: AppHarness, service: str = "checkout-api", *, drill: bool = False) -> str:
    return harness.room.declare(Declare(service, "Card payments fail", drill=drill)).incident.id


def test_what_the_probes_of_the_service_measure_is_kept_with_the_incident(harness: AppHarness) -> None:
    configured(harness, health="checkout-api", baseline="", other="search")
    incident = declare(harness)
    probes = Probes(health=FINE, baseline=BAD, other=BAD)
    turns(ProbeWatch(harness.room, probes.make))
    health, baseline = read(harness, incident, "health-checks"), read(harness, incident, "baseline")
    assert health and (health.text, health.speaks, health.value, health.unit) == ("HTTP 200", "for", 12.0, "ms")
    assert baseline and baseline.against
    assert probes.runs == {"health": 1, "baseline": 1}, "each once until it is due again, no other service's"
    assert probes.open == set(), "all are let go"


def test_a_reading_is_shown_with_its_age_and_counts_until_it_is_too_old(harness: AppHarness) -> None:
    configured(harness, health="")
    slow = harness.room.settings.probes["health"].model_copy(update={"every": 300})
    incident = declare(harness)
    turns(ProbeWatch(harness.room, Probes(health=BAD).make))
    recent, old = read(harness, incident, "health-checks", 90), read(harness, incident, "health-checks", 180)
    assert recent and recent.against and recent.text == "HTTP 503, 1 min ago"
    assert old and not old.against and old.text == "HTTP 503, 3 min ago"
    harness.room.settings.probes["health"] = slow
    turns(ProbeWatch(harness.room, Probes(health=BAD).make))
    later = read(harness, incident, "health-checks", 500)
    assert later and later.against, "one that is taken every 5 minutes lasts longer"


@pytest.mark.parametrize(
    ("failing", "text"),
    [
        (None, ""),
        (ZeroDivisionError("boom"), "cannot be measured: ZeroDivisionError; the diagnostic log has details"),
        (SettingsError("port: is missing", "Add it.", "settings.toml:4"), "port: is missing. Add it."),
    ],
)
def test_a_probe_that_hangs_or_fails_costs_its_own_line_only(
    harness: AppHarness, failing: Exception | None, text: str
) -> None:
    configured(harness, health="", baseline="")
    incident = declare(harness)
    watch = ProbeWatch(harness.room, Probes(health=failing, baseline=FINE).make)

    async def run() -> None:
        for _ in range(100):  # the one that hangs is never waited for
            await watch.turn()
            await asyncio.sleep(0)
            if read(harness, incident, "baseline"):
                break
        watch.stop()
        await asyncio.wait_for(watch.run(), 5)

    asyncio.run(run())
    baseline, health = read(harness, incident, "baseline"), read(harness, incident, "health-checks")
    assert baseline and baseline.speaks == "for" and watch.problem is None
    if text:
        assert health and health.speaks == "neither" and health.text.endswith(text)
    else:
        assert health is None


def test_drills_and_resolved_incidents_are_not_measured(harness: AppHarness) -> None:
    configured(harness, health="")
    probes = Probes(health=FINE)
    drill, incident = declare(harness, drill=True), declare(harness)
    watch = ProbeWatch(harness.room, probes.make)

    async def run() -> None:
        await watch.turn()
        await watch.settled()
        assert probes.open == {"health"}
        harness.room.execute(incident, Resolve("it is over"))
        await watch.turn()
        assert probes.open == set(), "nothing needs it any more"

    asyncio.run(run())
    assert probes.runs == {"health": 1}
    assert read(harness, drill, "health-checks") is None


def test_a_probe_that_hangs_when_the_console_ends_is_ended(harness: AppHarness) -> None:
    configured(harness, health="")
    declare(harness)
    probes = Probes(health=None)
    watch = ProbeWatch(harness.room, probes.make)

    async def run() -> None:
        await watch.turn()
        watch.stop()
        await asyncio.wait_for(watch.run(), 5)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
    assert probes.open == set()


def test_several_probes_that_verify_the_same_item_are_as_good_as_the_worst(harness: AppHarness) -> None:
    configured(harness, health_eu="", health_us="")
    incident = declare(harness)
    turns(ProbeWatch(harness.room, Probes(health_eu=FINE, health_us=FINE).make))
    reading = read(harness, incident, "health-checks")
    assert reading and reading.speaks == "for"
    turns(ProbeWatch(harness.room, Probes(health_eu=FINE, health_us=BAD).make))
    reading = read(harness, incident, "health-checks")
    assert reading and reading.against
    assert worst_of([FINE, judged(None, "?")]) == judged(None, "?") and worst_of([]) is None


def test_the_readings_of_another_console_stay_beside_these(harness: AppHarness) -> None:
    configured(harness, health="")
    incident = declare(harness)
    quiet = Observation(harness.clock(), "Bo", {ERRORS: Reading("no errors in the last 5 min", "for")})
    harness.room.save_observation(incident, quiet)
    turns(ProbeWatch(harness.room, Probes(health=FINE).make))
    both = harness.room.observation(incident)
    assert both and both.readings.keys() == {ERRORS, "health"}
    assert both.over(None) is both
    later = replace(both, at=both.at + KEPT + timedelta(seconds=1), readings={}).over(both)
    assert later.readings == {}, "what nobody takes any more is gone"


def test_an_unchanged_reading_is_stored_again_only_so_that_its_age_shows(harness: AppHarness) -> None:
    configured(harness, health="")
    incident = declare(harness)
    watch = ProbeWatch(harness.room, Probes(health=FINE).make)

    async def run() -> None:
        for passed in (timedelta(0), timedelta(0), KEEP_AGAIN / 2, KEEP_AGAIN / 2):
            harness.clock.later(passed.total_seconds())
            await watch.turn()
            await watch.settled()
            stored.append(harness.room.observation(incident))

    stored: list[Observation | None] = []
    asyncio.run(run())
    assert stored[0] is None
    assert stored[1] == stored[2] != stored[3]


def test_a_reading_of_each_probe_can_be_taken_at_once(harness: AppHarness) -> None:
    configured(harness, health="", baseline="", slow="")
    probes = Probes(health=FINE, baseline=BAD, slow=SettingsError("no"))
    taken = asyncio.run(take_all(harness.room, harness.room.settings.probes, probes.make))
    assert {name: one.speaks for name, one in taken.items()} == {
        "health": "for",
        "baseline": "against",
        "slow": "neither",
    }
    assert probes.open == set()


def test_a_console_runs_the_probes_in_the_background(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[probes.health]\nkind = "command"\ncommand = ["echo", "3 of 3 work"]\n')
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with open_context(file, tmp_path / "data", "Ann", environ=environ) as app:
        incident = app.room.declare(Declare("checkout-api", "Card payments fail")).incident.id
        app.jobs.start(*(job for job in app.background_jobs() if job.name == "probes"))
        pause = threading.Event()
        for _ in range(2000):
            observation = app.room.observation(incident)
            if observation:
                break
            pause.wait(0.01)
        assert observation and observation.by == "Ann"
        reading = observation.readings["health"]
        assert (reading.text, reading.speaks) == ("3 of 3 work", "for")
        assert [job.name for job in observation.jobs] == ["probes"]


# ── before and after a fix ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ({"health": FINE}, {"health": BAD}, "health: HTTP 503 (was: HTTP 200)"),
        ({"health": BAD}, {"health": BAD}, ""),
        ({"health": BAD}, {"health": FINE}, ""),
        ({"health": FINE}, {"health": judged(None, "cannot be measured: ?")}, ""),
        ({"health": FINE}, {}, ""),
        ({}, {"health": BAD}, ""),
        ({ERRORS: of_last_minute(10)}, {ERRORS: of_last_minute(15)}, ""),
        (
            {ERRORS: of_last_minute(10)},
            {ERRORS: of_last_minute(40)},
            "errors: 40 errors in the last minute (was: 10 errors in the last minute)",
        ),
    ],
)
def test_what_is_worse_than_before_the_fix_becomes_next(
    harness: AppHarness, before: dict[str, Reading], after: dict[str, Reading], worse: str
) -> None:
    room, incident = harness.room, declare(harness)
    room.save_observation(incident, Observation(room.clock(), "Bo", before))
    room.execute(incident, RecordFix("Rolled back"))

    def said() -> str:
        steps = incident_snapshot(room, incident).next_steps(room.clock())
        return next((step.text for step in steps if step.text.startswith("Worse")), "")

    assert said() == "", "what was measured before says nothing about the fix"
    harness.clock.later(60)
    room.save_observation(incident, Observation(room.clock(), "Bo", after))
    assert said() == (f"Worse since the fix — {worse}" if worse else "")
    harness.clock.later(AFTER_FIX.total_seconds())
    room.save_observation(incident, Observation(room.clock(), "Bo", after))
    assert said() == "", "the comparison ends"


def test_a_reading_that_is_too_old_is_not_what_was_before_the_fix(harness: AppHarness) -> None:
    room, incident = harness.room, declare(harness)
    room.save_observation(incident, Observation(room.clock(), "Bo", {"health": FINE}))
    harness.clock.later(FRESH_S + 1)
    room.execute(incident, RecordFix("Rolled back"))
    ((_, fix),) = room.incident(incident).fixes
    assert fix.measured == {}


# ── several consoles ──────────────────────────────────────────────────────────────────────────────────────


def consoles(harness: AppHarness, count: int) -> list[AppHarness]:
    """The harness and more consoles on its journal, with its clock and settings."""
    more = [AppHarness(harness.folder, by=f"Console {n}", clock=harness.clock) for n in range(1, count)]
    for one in more:
        one.room.settings = harness.room.settings
    return [harness, *more]


def test_three_consoles_measure_as_often_as_one(harness: AppHarness) -> None:
    configured(harness, health="", baseline="")
    incident = declare(harness)
    probes = Probes(health=FINE, baseline=BAD)
    three = consoles(harness, 3)
    watches = [ProbeWatch(one.room, probes.make) for one in three]
    minutes, every = 10, harness.room.settings.probes["health"].every

    async def run() -> None:
        for _ in range(minutes * 60):
            for watch in watches:
                await watch.turn()
                await watch.settled()
            harness.clock.later(1)
        for watch in watches:
            watch.stop()
            await watch.run()

    asyncio.run(run())
    # A turn is a second, so an interval may be one longer.
    assert minutes * 60 // (every + 1) <= probes.runs["health"] <= minutes * 60 // every + 1
    assert probes.runs["baseline"] == probes.runs["health"]
    for one in three:
        reading = read(one, incident, "health-checks")
        assert reading and reading.speaks == "for", "every console shows what one of them measured"
    for one in three[1:]:
        one.close()


def test_a_console_that_is_killed_is_replaced_after_one_interval_and_one_that_ends_at_once(
    harness: AppHarness,
) -> None:
    configured(harness, health="")
    declare(harness)
    probes = Probes(health=FINE)
    first, other = consoles(harness, 2)
    every = harness.room.settings.probes["health"].every
    killed, ended, last = (ProbeWatch(one.room, probes.make) for one in (first, other, first))

    async def run() -> None:
        await killed.turn()
        await killed.settled()
        await ended.turn()
        await ended.settled()
        assert probes.runs == {"health": 1}, "another console has just measured it"
        harness.clock.later(every + BEHIND_S[1])
        await ended.turn()
        await ended.settled()
        assert probes.runs == {"health": 2}
        ended.stop()
        await ended.run()
        await last.turn()
        await last.settled()
        assert probes.runs == {"health": 3}
        last.stop()
        await last.run()

    asyncio.run(run())
    other.close()


def test_a_clock_that_is_set_back_does_not_stop_the_probes(harness: AppHarness) -> None:
    configured(harness, health="")
    declare(harness)
    probes = Probes(health=FINE)
    first, other = consoles(harness, 2)
    turns(ProbeWatch(first.room, probes.make))
    turn = ProbeTurns(first.room)
    assert turn.take("health", 15) == 0
    harness.clock.later(-3600)
    assert ProbeTurns(other.room).take("health", 15) == 0
    other.close()


@pytest.mark.parametrize("text", ["", "?", "[]", "{}", '{"console": "a", "next_at": "2026-01-28"}'])
def test_what_is_no_turn_keeps_nobody_waiting(harness: AppHarness, text: str) -> None:
    harness.room.journal.save_observation("probes/health", text)
    assert ProbeTurns(harness.room).take("health", 15) == 0
