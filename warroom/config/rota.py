"""Who is on call when: people in turn, overrides, swaps, and the schedule of a paging service. Reads no journal.

``OnCall`` is the table of the settings; ``Rota`` is that together with what the team recorded since, and answers
every question about who is on call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from warroom.config.fields import Key, Name, Table
from warroom.errors import NotFound, Refusal
from warroom.incident.on_call_events import OnCallTaken, TurnsSwapped

LOOKED_AHEAD = 400
"""How many turns are looked through for the next one of somebody else."""

FRESH = timedelta(minutes=30)
"""How long what a paging service said about its schedule counts as new."""


def _length(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d{1,4}) ?([hdw])", value) if isinstance(value, str) else None
    length = timedelta(hours=int(found[1]) * {"h": 1, "d": 24, "w": 168}[found[2]]) if found else timedelta()
    if not timedelta() < length <= timedelta(days=366):
        raise ValueError('must be a length of time in hours, days or weeks: "12h", "1d", "1w"')
    return length


def _start(value: date) -> date:
    if not 2000 <= value.year <= 2200:
        raise ValueError("must be a date between 2000 and 2200")
    return value


def _local_time(value: time) -> time:
    if value.tzinfo:
        raise ValueError("must be a time without a zone: the team's is meant")
    return value


class Override(Table):
    """Somebody who is on call for a while, whoever's turn it is. A later table goes before an earlier one."""

    person: Name
    """The name of a person."""
    from_: Annotated[date | datetime, AfterValidator(_start)] = Field(alias="from")
    """When it begins: a date (its first minute), or a date with a time in the team's zone."""
    until: Annotated[date | datetime, AfterValidator(_start)]
    """When it ends: a date (its last minute), or a date with a time in the team's zone."""

    def span(self, zone: ZoneInfo) -> Shift:
        """From when to when (UTC), for a team in ``zone``."""
        whole_day = not isinstance(self.until, datetime)
        until = self.until + timedelta(days=1) if whole_day else self.until
        return Shift(self.person, _moment(self.from_, time(0), zone), _moment(until, time(0), zone))

    @model_validator(mode="after")
    def _forward(self) -> Override:
        span = self.span(ZoneInfo("UTC"))
        if span.ends is None or span.ends <= span.begins:
            raise ValueError("until must be after from")
        return self


class OnCall(Table):
    """Who is on call when: people in turn, handing over at the same local time whatever summer time does; or what
    the schedule of a paging service says."""

    rotation: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(default=(), validate_default=False)
    """Names of people, in the order of their turns."""
    starts: Annotated[date | datetime, AfterValidator(_start)] | None = None
    """When the first turn begins: a date, or a date with a time in the team's zone."""
    every: Annotated[timedelta, BeforeValidator(_length)] = timedelta(days=7)
    """How long a turn lasts, in hours, days or weeks: "12h", "1d", "1w"."""
    handover: Annotated[time, AfterValidator(_local_time)] = time(9)
    """Time of day, in the team's zone, at which turns change, where starts is a date alone."""
    schedule: Key | str = ""
    """The name of a paging service whose schedule says who is on call, instead of a rotation: schedule =
    "pagerduty"."""
    overrides: tuple[Override, ...] = ()

    @model_validator(mode="after")
    def _one_time(self) -> OnCall:
        if isinstance(self.starts, datetime) and "handover" in self.model_fields_set:
            raise ValueError("starts has a time already; drop it there, or drop handover")
        return self

    @model_validator(mode="after")
    def _one_source(self) -> OnCall:
        if self.schedule and self.rotation:
            raise ValueError("has a rotation and a schedule; drop one of them")
        if not self.schedule and not (self.rotation and self.starts):
            raise ValueError("needs rotation and starts, or the schedule of a paging service")
        return self

    def begin(self, turn: int, zone: ZoneInfo) -> datetime:
        """When the turn with this number (from 0) begins (UTC). Counted in local time, so 09:00 stays 09:00."""
        assert self.starts is not None
        local = _local(self.starts, self.handover, zone)
        return (local + turn * self.every).replace(tzinfo=zone).astimezone(UTC)

    def turn(self, at: datetime, zone: ZoneInfo) -> tuple[int, datetime]:
        """Number of the turn at ``at`` (-1 before the first), and when the next one begins (UTC)."""
        if at < self.begin(0, zone):
            return -1, self.begin(0, zone)
        turn = (at - self.begin(0, zone)) // self.every
        # Elapsed time is off by the hour a clock change takes or gives: at most one turn either way.
        while self.begin(turn, zone) > at:
            turn -= 1
        while self.begin(turn + 1, zone) <= at:
            turn += 1
        return turn, self.begin(turn + 1, zone)


def _local(value: date | datetime, at: time, zone: ZoneInfo) -> datetime:
    """A time of the settings as local time without a zone."""
    start = value if isinstance(value, datetime) else datetime.combine(value, at)
    return start.astimezone(zone).replace(tzinfo=None) if start.tzinfo else start


def _moment(value: date | datetime, at: time, zone: ZoneInfo) -> datetime:
    return _local(value, at, zone).replace(tzinfo=zone).astimezone(UTC)


class Shift(NamedTuple):
    """Somebody is on call from ``begins`` to ``ends`` (UTC); ``ends`` is None where nobody follows."""

    person: str
    begins: datetime
    ends: datetime | None

    def covers(self, at: datetime) -> bool:
        """Whether ``at`` is within it."""
        return self.begins <= at and (self.ends is None or at < self.ends)


@dataclass(frozen=True, slots=True)
class ScheduleReport:
    """What a paging service said last about its schedule, kept in the journal for every process and for a time
    without the service. ``at`` is when it was asked with success; ``problem`` is why it cannot be asked now."""

    at: datetime | None = None
    shifts: tuple[Shift, ...] = ()
    problem: str = ""
    asked_at: datetime | None = None

    def to_json(self) -> str:
        """The report as text."""

        def text(at: datetime | None) -> str:
            return at.isoformat() if at else ""

        shifts = [[one.person, text(one.begins), text(one.ends)] for one in self.shifts]
        fields = {"at": text(self.at), "asked_at": text(self.asked_at), "problem": self.problem, "shifts": shifts}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ScheduleReport:
        """The report ``to_json`` wrote; an empty one for anything else, such as one of another version."""

        def moment(text: str) -> datetime | None:
            at = datetime.fromisoformat(text) if text else None
            if at is not None and at.tzinfo is None:
                raise ValueError("a time needs a zone")
            return at

        try:
            data = json.loads(text)
            shifts = []
            for person, begins, ends in data["shifts"]:
                if (start := moment(begins)) is not None:
                    shifts.append(Shift(str(person), start, moment(ends)))
            return cls(moment(data["at"]), tuple(shifts), str(data["problem"]), moment(data["asked_at"]))
        except (ValueError, LookupError, TypeError, AttributeError):
            return cls()


def schedule_key(service: str) -> str:
    """The key under which the journal keeps the report of a paging service's schedule."""
    return f"schedule/{service}"


class Rota:
    """Who is on call when: the one place that knows. A value; make a new one after a change.

    The turns of the rotation as they were swapped, or the shifts of the ``report``; over them the overrides of the
    settings, and over these what was taken, later ones first. A ``table`` of None is a team without a rotation, in
    which only what was taken counts.
    """

    def __init__(
        self,
        table: OnCall | None,
        zone: ZoneInfo,
        changes: Sequence[TurnsSwapped | OnCallTaken] = (),
        report: ScheduleReport | None = None,
    ) -> None:
        self.table = table
        self.zone = zone
        self.report = report or ScheduleReport()
        overrides = [one.span(zone) for one in table.overrides] if table else []
        taken = [Shift(one.person, one.start, one.until) for one in changes if isinstance(one, OnCallTaken)]
        self._over = [*overrides, *taken]
        self._swapped: dict[datetime, str] = {}
        for change in changes:
            if isinstance(change, TurnsSwapped):
                self._swap(change)

    @property
    def follows_schedule(self) -> bool:
        """Whether a paging service says who is on call."""
        return bool(self.table and self.table.schedule)

    # ── who ───────────────────────────────────────────────────────────────────────────────────────────────

    def person(self, at: datetime) -> str:
        """Who is on call at ``at`` (any zone), "" for nobody."""
        shift = self.shift(at)
        return shift.person if shift else ""

    def shift(self, at: datetime) -> Shift | None:
        """The shift at ``at``, as it is with all changes; None if nobody is on call.

        Turns of the same person that follow each other are one shift.
        """
        at = at.astimezone(UTC)
        piece = self._piece(at)
        if not piece.person:
            return None
        begins, ends = piece.begins, piece.ends
        for _ in range(LOOKED_AHEAD):
            before = self._piece(begins - timedelta(microseconds=1)) if begins > _FIRST else None
            if before is None or before.person != piece.person:
                break
            begins = before.begins
        for _ in range(LOOKED_AHEAD):
            after = self._piece(ends) if ends is not None else None
            if after is None or after.person != piece.person:
                break
            ends = after.ends
        else:
            ends = None  # it is always the same person
        return Shift(piece.person, begins, ends)

    def upcoming(self, at: datetime, count: int) -> list[Shift]:
        """The shift at ``at`` and those after it, at most ``count``; times in which nobody is on call are left
        out."""
        found: list[Shift] = []
        moment: datetime | None = at.astimezone(UTC)
        for _ in range(LOOKED_AHEAD):
            if moment is None or len(found) == count:
                break
            shift = self.shift(moment)
            if shift is not None:
                found.append(shift)
                moment = shift.ends
            else:
                moment = self._piece(moment).ends
        return found

    def following(self, at: datetime) -> Shift | None:
        """The shift of the next person after ``at``; None if nobody else follows."""
        now = self.person(at)
        return next((one for one in self.upcoming(at, 3) if one.person != now), None)

    def age(self, now: datetime) -> timedelta | None:
        """How old what is known of a paging service's schedule is; None where no such is followed, or nothing is
        known."""
        return now - self.report.at if self.follows_schedule and self.report.at else None

    def doubt(self, now: datetime) -> str:
        """Why the answer may be out of date, in a few words; "" if nothing says so."""
        if not self.follows_schedule:
            return ""
        assert self.table is not None
        age = self.age(now)
        if age is None:
            why = self.report.problem
            return f"{self.table.schedule} has not been asked yet" + (f": {why}" if why else "")
        if age <= FRESH:
            return ""
        from warroom.incident.timing import format_duration

        why = f": {self.report.problem}" if self.report.problem else ""
        return f"as {self.table.schedule} said {format_duration(age)} ago{why}"

    # ── swapping ──────────────────────────────────────────────────────────────────────────────────────────

    def swap(self, person: str, other: str, on: date, other_on: date | None = None) -> TurnsSwapped:
        """The fact that ``person`` gives their turn on that day (in the team's zone) to ``other``, and takes
        ``other``'s next turn, or that on ``other_on``.

        ``Refusal`` where there is no such turn: everybody keeps as many turns as before.
        """
        if self.follows_schedule:
            assert self.table is not None
            raise Refusal(f"{self.table.schedule} has the schedule", "Swap it there; warroom follows.")
        if self.table is None:
            raise NotFound("There is no rotation", "Add [on_call] to the settings.")
        if person == other:
            raise Refusal(f"{person} cannot swap with themselves", "Name two people.")
        turn = self._turn_on(person, on)
        if turn is None:
            raise Refusal(f"{person} is not on call on {on}", "warroom oncall lists who is.")
        if other_on is not None:
            other_turn = self._turn_on(other, other_on)
            if other_turn is None:
                raise Refusal(f"{other} is not on call on {other_on}", "warroom oncall lists who is.")
        else:
            other_turn = self._next_turn(other, turn)
            if other_turn is None:
                raise Refusal(f"{other} has no turn after that", "Name somebody of the rotation.")
        return TurnsSwapped(person=person, turn=turn, other=other, other_turn=other_turn)

    def _turn_on(self, person: str, on: date) -> datetime | None:
        """When the person's first turn of that day begins."""
        assert self.table is not None
        start = datetime.combine(on, time(0)).replace(tzinfo=self.zone).astimezone(UTC)
        end = datetime.combine(on + timedelta(days=1), time(0)).replace(tzinfo=self.zone).astimezone(UTC)
        number, _ = self.table.turn(start, self.zone)
        number = max(0, number)
        while (begins := self.table.begin(number, self.zone)) < end:
            if self.table.begin(number + 1, self.zone) > start and self._holder(number) == person:
                return begins
            number += 1
        return None

    def _next_turn(self, person: str, after: datetime) -> datetime | None:
        assert self.table is not None
        number, _ = self.table.turn(after, self.zone)
        for later in range(number + 1, number + 1 + LOOKED_AHEAD):
            if self._holder(later) == person:
                return self.table.begin(later, self.zone)
        return None

    def _holder(self, number: int) -> str:
        assert self.table is not None
        begins = self.table.begin(number, self.zone)
        return self._swapped.get(begins) or self.table.rotation[number % len(self.table.rotation)]

    def _swap(self, change: TurnsSwapped) -> None:
        if self.table is None or not self.table.rotation:
            return
        for begins, holder in ((change.turn, change.person), (change.other_turn, change.other)):
            number, _ = self.table.turn(begins, self.zone)
            if number < 0 or self.table.begin(number, self.zone) != begins or self._holder(number) != holder:
                return
        self._swapped[change.turn], self._swapped[change.other_turn] = change.other, change.person

    # ── pieces: times without a boundary in between ───────────────────────────────────────────────────────

    def _piece(self, at: datetime) -> Shift:
        """Who is on call at ``at``, from and to the nearest boundaries; the person "" where nobody is."""
        base = self._base(at)
        person, begins, ends = base
        for span in reversed(self._over):
            if span.covers(at):
                person = span.person
                break
        for span in self._over:
            for boundary in (span.begins, span.ends):
                if boundary is None:
                    continue
                if boundary <= at:
                    begins = max(begins, boundary)
                elif ends is None or boundary < ends:
                    ends = boundary
        return Shift(person, begins, ends)

    def _base(self, at: datetime) -> Shift:
        """Who is on call by the rotation or the schedule alone."""
        if self.table is None:
            return Shift("", _FIRST, None)
        if self.table.schedule:
            return _of_schedule(self.report.shifts, at)
        number, following = self.table.turn(at, self.zone)
        if number < 0:
            return Shift("", _FIRST, following)
        return Shift(self._holder(number), self.table.begin(number, self.zone), following)


_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything was scheduled."""


def _of_schedule(shifts: Iterable[Shift], at: datetime) -> Shift:
    """The shift at ``at``. After the last known one its person stays on call: who was last known is better than
    nobody, and ``Rota.doubt`` says how old it is."""
    known = sorted(shifts, key=lambda one: one.begins)
    covering = [one for one in known if one.covers(at)]
    boundaries = [at_ for one in known for at_ in (one.begins, one.ends) if at_ is not None]
    begins = max((one for one in boundaries if one <= at), default=_FIRST)
    ends = min((one for one in boundaries if one > at), default=None)
    if covering:
        return Shift(covering[0].person, begins, ends)
    over = [one for one in known if one.ends is not None and one.ends <= at]
    if over and ends is None:
        return Shift(max(over, key=lambda one: (one.ends or _FIRST, one.begins)).person, begins, None)
    return Shift("", begins, ends)
