"""The figures over many incidents agree with what the incidents were made of."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from harness.app import AppHarness
from harness.fakes import Clock
from hypothesis import given
from hypothesis import strategies as st

from warroom.incident.events import (
    TEAM,
    Acknowledged,
    ActionAdded,
    ActionDone,
    AlertReceived,
    AlertTaken,
    Declared,
    Event,
    Resolved,
    SectionWritten,
    SeveritySet,
    StatusSet,
    UpdatePosted,
)
from warroom.reports import figures_text
from warroom.reports.cases import Case
from warroom.reports.figures import IncidentFigures
from warroom.reports.figures_html import to_html
from warroom.reports.improvement import improvement_line
from warroom.reports.metrics import Durations
from warroom.reports.repeated_causes import Cause, repeated_causes
from warroom.room.figures_reader import FiguresReader

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 1, 28, 12, tzinfo=UTC)
TODAY = date(2026, 1, 28)
SERVICES = ("checkout-api", "search-api", "mail")
SEVERITIES = ("critical", "high", "medium", "low")
UPDATE_MINUTES = {"critical": 15, "high": 30, "medium": 60, "low": 240}
CAUSES = (
    "The connection pool of the database was exhausted by a retry loop",
    "A retry loop exhausted the database's connection pool",
    "The certificate expired #certificate",
    "Nobody renewed it: #certificate",
    "Feature flag enabled for everyone",
    "",
)


class Recipe:
    """One incident as the test decides it, and what follows from it by plain arithmetic."""

    def __init__(self, number: int, dice: random.Random) -> None:
        self.id = f"INC-{number}"
        self.service = dice.choice(SERVICES)
        self.declared_severity = dice.choice(SEVERITIES)
        self.severity = dice.choice(SEVERITIES) if dice.random() < 0.3 else self.declared_severity
        self.drill = dice.random() < 0.15
        self.declared = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(360 * 24 * 60))
        self.started = self.declared - timedelta(minutes=dice.randrange(1, 60))
        self.detected = self.started + (self.declared - self.started) / dice.choice((1, 2, 4))
        self.acknowledge_s = dice.randrange(10, 900) if dice.random() < 0.9 else None
        self.resolve_min = dice.randrange(40, 600) if dice.random() < 0.95 else None
        self.mitigate_min = (
            dice.randrange(20, self.resolve_min) if self.resolve_min and dice.random() < 0.7 else None
        )
        self.first_update_late = dice.random() < 0.4
        self.actions = [(dice.choice(("", "2026-01-27", "2026-01-28", "2026-02-01")), dice.random() < 0.5)] * 2
        self.cause = dice.choice(CAUSES)

    def events(self) -> Iterator[tuple[datetime, Event, UUID]]:
        """The entries; ids count up so that they can be referred to."""
        n = int(self.id[4:]) * 100

        def entry(at: datetime, event: Event) -> tuple[datetime, Event, UUID]:
            nonlocal n
            n += 1
            return at, event, UUID(int=n)

        yield entry(
            self.declared,
            Declared(
                service=self.service,
                impact="Payments fail",
                severity=self.declared_severity,
                started_at=self.started,
                detected_at=self.detected,
                drill=self.drill,
            ),
        )
        if self.acknowledge_s is not None:
            yield entry(self.declared + timedelta(seconds=self.acknowledge_s), Acknowledged(who="Ann"))
        if self.severity != self.declared_severity:
            yield entry(
                self.declared + timedelta(minutes=1),
                SeveritySet(severity=self.severity, before=self.declared_severity, reason="seen"),
            )
        due = self.declared + timedelta(minutes=UPDATE_MINUTES[self.declared_severity])
        if not self.resolve_min or due < self.declared + timedelta(minutes=self.resolve_min - 5):
            at = due + timedelta(minutes=3 if self.first_update_late else -1)
            yield entry(
                at,
                UpdatePosted(
                    message="update",
                    template="update",
                    audience="team",
                    status="investigating",
                    title="Update",
                    words="Update",
                ),
            )
        if self.mitigate_min:
            yield entry(
                self.declared + timedelta(minutes=self.mitigate_min),
                StatusSet(status="mitigated", before="investigating"),
            )
        if self.resolve_min:
            yield entry(self.declared + timedelta(minutes=self.resolve_min), Resolved())
        for due_date, done in self.actions:
            added = entry(NOW, ActionAdded(words="Alert on it", due=due_date))
            yield added
            if done:
                yield entry(NOW, ActionDone(action=added[2], words="Alert on it"))
        if self.cause:
            yield entry(NOW, SectionWritten(section="root_cause", words=self.cause))

    @property
    def promise(self) -> bool | None:
        """Whether the one promised update came in time; None if the resolution made it unnecessary."""
        due = self.declared + timedelta(minutes=UPDATE_MINUTES[self.declared_severity])
        if not self.resolve_min or due < self.declared + timedelta(minutes=self.resolve_min - 5):
            return not self.first_update_late
        ended = self.declared + timedelta(minutes=self.resolve_min)
        return None if ended <= due + timedelta(minutes=1) else False

    def times(self) -> dict[str, float | None]:
        lead = (self.declared - self.started).total_seconds()
        resolve = lead + self.resolve_min * 60 if self.resolve_min else None
        return {
            "mttd": (self.detected - self.started).total_seconds(),
            "mtta": self.acknowledge_s,
            "mttm": lead + self.mitigate_min * 60 if self.mitigate_min else resolve,
            "mttr": resolve,
        }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppHarness, list[Recipe]]]:
    """200 incidents and 300 alerts in a journal, and what they were made from."""
    dice = random.Random(11)
    recipes = [Recipe(number, dice) for number in range(1, 201)]
    with AppHarness(tmp_path_factory.mktemp("figures"), clock=Clock(NOW)) as harness:
        for recipe in recipes:
            rows = list(recipe.events())
            version = 0
            for at in dict.fromkeys(at for at, _, _ in rows):
                now = [(event, id) for when, event, id in rows if when == at]
                events, ids = [event for event, _ in now], [id for _, id in now]
                harness.journal.append(recipe.id, version, events, at=at, by="Ann", ids=ids)
                version += len(now)
        for number in range(300):
            alert = UUID(int=10**9 + number)
            fired = AlertReceived(name=f"rule {number % 7}", drill=number % 10 == 0, fired_at=NOW)
            taken = [AlertTaken(alert=alert, incident="INC-1" if number % 3 else "")] if number % 4 else []
            ids = [alert, UUID(int=2 * 10**9 + number)][: 1 + len(taken)]
            version = harness.journal.version(TEAM)
            harness.journal.append(TEAM, version, [fired, *taken], at=NOW, by="", ids=ids)
        yield harness, recipes


def _median(values: list[float]) -> float:
    values, half = sorted(values), len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def _agree(figures: IncidentFigures, recipes: list[Recipe]) -> None:
    real = [recipe for recipe in recipes if not recipe.drill]
    assert figures.all.incidents == len(real) and figures.drills.incidents == len(recipes) - len(real)
    for name in ("mttd", "mtta", "mttm", "mttr"):
        values = sorted(value for recipe in real if (value := recipe.times()[name]) is not None)
        figure = figures.all.averages[name]
        assert figure.count == len(values)
        assert figure.median_s == pytest.approx(_median(values), abs=0.01), name
        assert figure.p90_s is not None
        at_most = sum(value <= figure.p90_s + 0.01 for value in values)
        less = sum(value < figure.p90_s - 0.01 for value in values)
        assert at_most >= 0.9 * len(values) > less, "nine of ten, and no more than are needed"
    promises = [recipe.promise for recipe in real if recipe.promise is not None]
    assert (figures.all.promised, figures.all.kept) == (len(promises), sum(promises))


def test_figures_of_200_incidents_agree_with_what_they_were_made_of(
    recorded: tuple[AppHarness, list[Recipe]],
) -> None:
    harness, recipes = recorded
    figures = FiguresReader(harness.room).read(by="service")
    _agree(figures, recipes)
    real = [recipe for recipe in recipes if not recipe.drill]
    for group in figures.groups:
        assert group.incidents == sum(recipe.service == group.name for recipe in real)
    for severity, count in figures.severities.items():
        assert count == sum(recipe.severity == severity for recipe in real)
    for (declared, final), count in figures.changes.items():
        assert count == sum((r.declared_severity, r.severity) == (declared, final) for r in real)
    items = [item for recipe in real for item in recipe.actions]
    assert figures.actions.done == sum(done for _, done in items)
    assert figures.actions.open == sum(not done for _, done in items)
    assert figures.actions.overdue == sum(not done and due == "2026-01-27" for due, done in items)
    for rule in figures.alerts:
        own = [n for n in range(300) if f"rule {n % 7}" == rule.name and n % 10]
        assert rule.fired == len(own)
        assert rule.incidents == sum(n % 4 != 0 and n % 3 != 0 for n in own)
        assert rule.dismissed == sum(n % 4 != 0 and n % 3 == 0 for n in own)
    pools, certificates = (sum(r.cause in CAUSES[n : n + 2] for r in real) for n in (0, 2))
    flags = sum(r.cause == CAUSES[4] for r in real)
    assert sorted(len(cause.incidents) for cause in figures.causes) == sorted([pools, certificates, flags])


def test_a_period_counts_only_what_was_declared_in_it(recorded: tuple[AppHarness, list[Recipe]]) -> None:
    harness, recipes = recorded
    since, until = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)
    figures = FiguresReader(harness.room).read(since=since, until=until)
    _agree(figures, [recipe for recipe in recipes if since <= recipe.declared < until])
    assert figures.alerts == ()


def test_months_are_those_of_the_teams_zone_and_have_no_gap(recorded: tuple[AppHarness, list[Recipe]]) -> None:
    harness, recipes = recorded
    months = {f"{r.declared.astimezone(BERLIN):%Y-%m}" for r in recipes if not r.drill}
    figures = FiguresReader(harness.room).read()
    assert {group.name for group in figures.groups if group.incidents} == months
    names = [group.name for group in figures.groups]
    assert names == sorted(names) and len(names) == 12


def test_what_is_read_again_after_a_change_is_the_new_state(tmp_path: Path) -> None:
    with AppHarness(tmp_path, clock=Clock(NOW)) as harness:
        reader = FiguresReader(harness.room)
        declared = Declared(service="mail", impact="No mail", severity="high", started_at=NOW)
        harness.journal.append("INC-1", 0, [declared], at=NOW, by="Ann")
        assert "mttr" not in reader.read().all.averages
        harness.journal.append("INC-1", 1, [Resolved()], at=NOW + timedelta(minutes=5), by="Ann")
        assert reader.read().all.averages["mttr"].median_s == 300
        assert reader.read().all.averages["mttr"].p90_s is None, "not from one incident"


# ── how they are shown ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["month", "service", "severity"])
def test_every_figure_is_shown_beside_its_definition(recorded: tuple[AppHarness, list[Recipe]], by: str) -> None:
    harness, _ = recorded
    figures = FiguresReader(harness.room).read(by=by)  # type: ignore[arg-type]
    text = "\n".join(line.text for line in figures_text.figure_lines(figures, BERLIN))
    page = to_html(figures, "Checkout", NOW, BERLIN)
    for definition in ("from started to detected", "from declared to acknowledged", "Drills are in none"):
        assert definition in text and definition in page
    for group in figures.groups:
        assert group.name in text and group.name in page


class _Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "onload")]


def test_the_page_loads_nothing_and_takes_no_markup_from_the_journal(tmp_path: Path) -> None:
    with AppHarness(tmp_path, clock=Clock(NOW)) as harness:
        evil = "<script>alert(1)</script>&\x1b[31m"
        declared = Declared(service=evil, impact=evil, severity="high", started_at=NOW)
        harness.journal.append(
            "INC-1", 0, [declared, SectionWritten(section="root_cause", words=evil)], at=NOW, by=""
        )
        harness.journal.append(TEAM, 0, [AlertReceived(name=evil)], at=NOW, by="")
        page = to_html(FiguresReader(harness.room).read(by="service"), evil, NOW, BERLIN)
    parts = _Parts()
    parts.feed(page)
    assert "svg" in parts.tags and "script" not in parts.tags and not parts.outside
    assert "\x1b" not in page and "prefers-color-scheme: dark" in page and "@media print" in page
    for start in [n for n in range(len(page)) if page.startswith("<svg", n)]:
        ElementTree.fromstring(page[start : page.index("</svg>", start) + 6])


@given(st.lists(st.none() | st.floats(0, 1e9)))
def test_a_sparkline_has_a_cell_for_each_value(values: list[float | None]) -> None:
    line = figures_text.sparkline(values)
    assert len(line) == len(values)
    assert all((cell == " ") == (value is None) for cell, value in zip(line, values, strict=True))


@given(st.floats(-1, 2), st.integers(1, 200))
def test_a_bar_is_never_wider_than_its_room(part: float, width: int) -> None:
    assert len(figures_text.bar(part, width)) <= width


# ── causes and quarters ───────────────────────────────────────────────────────────────────────────────────


def _cause(number: int, text: str) -> Cause:
    return Cause(f"INC-{number}", "mail", NOW + timedelta(days=number), text)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (CAUSES[0], CAUSES[1], True),
        ("#dns", "Something else entirely, but #DNS", True),
        ("The database was slow", "The database was full", False),
        ("A deploy without a rollback broke logins", "The deploy of the cache broke search results", False),
    ],
)
def test_causes_are_the_same_by_a_tag_or_by_enough_telling_words(first: str, second: str, same: bool) -> None:
    assert bool(repeated_causes([_cause(1, first), _cause(2, second)])) == same


@given(st.lists(st.text()))
def test_no_text_stops_the_search_for_causes_and_no_incident_is_in_two_groups(texts: list[str]) -> None:
    groups = repeated_causes(_cause(number, text) for number, text in enumerate(texts))
    found = [incident for group in groups for incident in group.incidents]
    assert len(found) == len(set(found)) and all(len(group.incidents) > 1 for group in groups)


def _case(at: datetime, resolve_min: float, acknowledge_s: float = 60) -> Case:
    took = Durations(
        detect_s=None, acknowledge_s=acknowledge_s, mitigate_s=resolve_min * 60, resolve_s=resolve_min * 60
    )
    return Case("INC-1", "mail", at, "high", "high", False, took, 0, 0, "", (), ())


Q3, Q4 = datetime(2025, 8, 1, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)


def test_a_better_quarter_is_one_line_and_names_what_got_worse() -> None:
    before = [_case(Q3, minutes) for minutes in (50, 60, 70)]
    better = improvement_line([*before, *(_case(Q4, m, 120) for m in (20, 30, 40))], NOW, BERLIN)
    assert better == (
        "Q4 2025 was better than Q3 2025: mitigated in 30 min (was 1 h), resolved in 30 min (was 1 h); but"
        " acknowledged in 2 min (was 1 min). 3 incidents."
    )
    assert improvement_line([*before, *(_case(Q4, m) for m in (80, 90, 99))], NOW, BERLIN) == ""


def test_a_quarter_with_too_few_incidents_is_not_compared() -> None:
    assert improvement_line([*(_case(Q3, 60) for _ in range(3)), _case(Q4, 1), _case(Q4, 1)], NOW, BERLIN) == ""
