"""Jobs: what one raises costs it alone, what it says of itself is shown, and a wake-up is never lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from harness.app import AppHarness
from hypothesis import given
from hypothesis import strategies as st

from warroom import diagnostics
from warroom.errors import NotSaved, WarroomError
from warroom.incident.commands import Declare
from warroom.incident.readings import ERRORS, FRESH_S, JobHealth, LogStats, Observation, Reading
from warroom.logs.sources.file import FileSource
from warroom.logs.view import LogView
from warroom.room import jobs as module
from warroom.room.jobs import JobRunner, PeriodicJob, Wakeup
from warroom.room.logwatch import LogWatches
from warroom.room.snapshot import incident_snapshot

WAIT_S = 20.0


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AppHarness]:
    with AppHarness(tmp_path / "data") as harness:
        yield harness


def until(true: Callable[[], bool], what: str) -> None:
    """Wait until it is so; a busy machine takes longer."""
    pause = threading.Event()
    for _ in range(int(WAIT_S / 0.01)):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError(f"never: {what}")


class Crashing:
    """A job that raises ``times`` times, and then works until it is stopped."""

    name = "crashing"
    problem: WarroomError | None = None

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times
        self.working = threading.Event()
        self._wakeup = Wakeup()

    async def run(self) -> None:
        if self.left:
            self.left -= 1
            raise self.error
        self.working.set()
        await self._wakeup.wait(WAIT_S)

    def stop(self) -> None:
        self._wakeup.set()


def test_a_job_that_raises_is_logged_and_started_again_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_S", 0.01)
    diagnostics.keep_log(tmp_path)
    runner = JobRunner()
    calls = threading.Event()
    crashing = Crashing(ZeroDivisionError("xoxb-123456789012-abcdefabcdef"), times=2)
    runner.start(crashing, PeriodicJob("other", 0.01, calls.set))
    assert crashing.working.wait(WAIT_S), "it is started again"
    calls.clear()
    assert calls.wait(WAIT_S), "the other one still works"
    until(lambda: runner.health() == (JobHealth("crashing"), JobHealth("other")), "both are well")
    runner.stop()
    _, text = diagnostics.read_log(tmp_path)
    assert text.count("job crashing: Traceback") == 2 and "ZeroDivisionError" in text
    assert "xoxb" not in text, "secrets are masked"


def test_the_health_of_a_job_names_its_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTART_S", WAIT_S)
    full = True

    def work() -> None:
        if full:
            raise NotSaved("Not saved: the disk is full", "Free some space.")

    runner = JobRunner()
    wakeup = Wakeup()
    runner.start(PeriodicJob("disk", WAIT_S, work, wakeup), Crashing(KeyError("x"), times=1))
    problems = ["Not saved: the disk is full. Free some space.", "crashed (KeyError); started again in 20 s"]
    until(lambda: [one.problem for one in runner.health()] == problems, "both problems are named")
    full = False
    wakeup.set()
    until(lambda: runner.health()[0].problem == "", "it recovers")
    runner.stop()


def test_a_job_that_has_ended_may_be_started_again() -> None:
    runner = JobRunner()
    for _ in range(3):
        calls = threading.Event()
        job = PeriodicJob("again", WAIT_S, calls.set)
        runner.start(job)
        assert calls.wait(WAIT_S)
        runner.end(job)
        assert runner.health() == ()
    runner.stop()


def test_a_wakeup_that_comes_before_the_wait_is_not_lost() -> None:
    async def waits() -> None:
        wakeup = Wakeup()
        wakeup.set()
        await wakeup.wait(WAIT_S)
        waiting = asyncio.create_task(wakeup.wait(WAIT_S))
        await asyncio.sleep(0)
        assert not waiting.done(), "one setting wakes once"
        threading.Thread(target=wakeup.set).start()
        await waiting

    asyncio.run(asyncio.wait_for(waits(), WAIT_S / 2))


texts = st.text(max_size=20)
times = st.datetimes(timezones=st.just(UTC))
readings = st.builds(
    Reading,
    texts,
    st.sampled_from(["for", "against", "neither"]),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.none() | times,
    st.integers(0, 1000),
    texts,
)
observations = st.builds(
    Observation,
    times,
    texts,
    st.dictionaries(texts, readings, max_size=3),
    st.builds(LogStats, st.lists(texts, max_size=3).map(tuple), st.integers(0, 10**9), st.integers(0, 10**9)),
    st.lists(st.builds(JobHealth, texts, texts), max_size=3).map(tuple),
)


@given(observations)
def test_an_observation_is_read_as_it_was_kept(observation: Observation) -> None:
    assert Observation.from_json(observation.to_json()) == observation


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(repr))
def test_text_that_is_no_observation_is_none(text: str) -> None:
    assert Observation.from_json(text) is None


def test_what_a_console_measures_is_known_to_other_processes(harness: AppHarness, tmp_path: Path) -> None:
    room = harness.room
    incident_id = room.declare(Declare("checkout-api", "Card payments fail")).incident.id
    log = tmp_path / "app.log"
    log.write_text(f"{room.clock() - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ} ERROR pool timeout\n" * 3)

    def attach(view: LogView, service: str) -> None:
        assert service == "checkout-api"
        view.add(FileSource(str(log)))

    runner = JobRunner()
    watches = LogWatches(room, attach, runner)
    watch = watches.open(incident_id)
    watches.attach(incident_id, "checkout-api")
    until(lambda: watch.observe().readings.get(ERRORS, Reading("")).against, "the errors are counted")
    watch.keep()
    watches.stop()
    runner.stop()

    snapshot = incident_snapshot(room, incident_id)
    assert snapshot.observation and snapshot.observation.by == room.by
    assert JobHealth(f"log watch {incident_id}") in snapshot.observation.jobs
    reading = snapshot.reading("no-new-errors", room.clock())
    assert reading and reading.against and reading.text.startswith("3 errors in the last minute")
    later = snapshot.reading("no-new-errors", room.clock() + timedelta(seconds=FRESH_S + 60))
    assert later and later.speaks == "neither" and later.text.endswith("3 min ago"), "too old to count"
