"""WarRoom: everything a person can do, as one class. Loads, decides, appends, notifies; sends and draws nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from warroom.config.rota import Rota, ScheduleReport, schedule_key
from warroom.config.settings import Settings
from warroom.connect.ports import Chat
from warroom.errors import Conflict, JournalError, NotFound, Refusal, WarroomError
from warroom.incident.alerting import SourceReport, report_key, same_group, severity_of
from warroom.incident.alerts import ClearAlert, ReceiveAlert
from warroom.incident.commands import (
    Acknowledge,
    Command,
    CommandContext,
    Declare,
    OpenChannel,
    PostUpdate,
    RecordChat,
    RecordFix,
    confirm_ready,
    decide,
)
from warroom.incident.delivery import (
    Channel,
    Delivery,
    DeliveryState,
    OutboxItem,
    resendable,
    superseded,
)
from warroom.incident.events import TEAM, AlertTaken, Entry, Event, NewEntry
from warroom.incident.identity import short_id, uuid7
from warroom.incident.incident import Incident, fold
from warroom.incident.playbook import Playbook
from warroom.incident.presence import LASTS, Presence
from warroom.incident.readings import Measured, Observation
from warroom.incident.roles import Assign
from warroom.incident.summary import Summary, summarise
from warroom.incident.team import Alert, TeamState, fold_team
from warroom.incident.topology import Trouble, dependencies, troubled
from warroom.journal.port import Journal
from warroom.room.drafts import Drafts, OpenedDraft
from warroom.room.updates import Preview, Updates
from warroom.safety import redact

Clock = Callable[[], datetime]
C = TypeVar("C")

RETRIES = 8
"""How often a command is decided again because another process wrote first."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a command led to: the incident as it is now, and the entries that were written."""

    incident: Incident
    entries: list[Entry]


class WarRoom:
    """A team's incidents. One method for each thing a person can do; safe to call from any thread.

    When a method returns, its effect is on disk. What is typed is sanitized and secrets in it are
    masked before anything is decided. Errors are the tree of ``incident.errors``; after one, nothing
    was written.
    """

    def __init__(
        self,
        journal: Journal,
        playbook: Playbook,
        settings: Settings,
        *,
        by: str,
        clock: Clock,
        chats: Callable[[str], Chat],
        measures: Callable[[str], Chat] | None = None,
    ) -> None:
        self.playbook = playbook
        self.settings = settings
        self.by = by
        self.clock = clock
        self.chats = chats
        self.alert_sources: Callable[[str], Any] | None = None
        """Makes a guarded alert source by its name, for what a person does there; None where there are none."""
        self.updates = Updates(playbook, settings, lambda: self.clock(), lambda name: self.chats(name), measures)
        self.journal = journal
        self._drafts = Drafts(journal, by)
        self._folded: dict[str, tuple[int, Incident]] = {}
        """Each incident as it was folded last, with the generation of its stream."""
        self._team = (0, TeamState())
        self._summaries: tuple[int, list[Summary]] | None = None
        self._lock = threading.RLock()
        self._write_lock = (
            threading.RLock()
        )  # threads of this process write in turn; only other processes come between
        self._listeners: list[Callable[[], None]] = []
        self._readers: list[Callable[[Sequence[Entry]], None]] = []
        self._session = os.urandom(8).hex()
        self.consequences: list[Callable[[UnitOfWork], None]] = []
        """Called with what is about to be appended to an incident, to add what follows from it in the same
        transaction. What one raises undoes nothing: an incident is not refused because nobody can be paged."""
        self.is_public: Callable[[str], bool] = lambda document_store: True
        """Whether customers read what is in a document store of the settings."""
        self.new_incident: Callable[[bool], str] = lambda private: self.journal.new_incident()
        """Gives a new incident its name, and keeps whether it is private."""
        self.hub_word: Callable[[], str] = lambda: ""
        """How this laptop stands with the hub, in a word; "" where no room is shared."""
        self._rota: Rota | None = None

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def zone(self) -> ZoneInfo:
        """The team's time zone."""
        return self.settings.team.zone

    def incident(self, incident_id: str) -> Incident:
        """The incident as it is in the journal now. NotFound if there is none."""
        generation = self.journal.generation(incident_id)
        known = self._known(incident_id, generation)
        entries = self.journal.read(incident_id, known.version if known else 0)
        try:
            incident = fold(incident_id, entries, known) if entries or not known else known
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            damage = self.journal.damage(incident_id)
            if not damage:
                raise
            raise JournalError(damage, "Run warroom doctor, and restore the journal from a backup.") from error
        if not incident.exists:
            raise NotFound(f"There is no incident {incident_id}", "warroom list shows the incidents there are.")
        return self._remember(incident, generation)

    def _known(self, incident_id: str, generation: int) -> Incident | None:
        """The incident as it was folded last, if its entries are still in that order."""
        known = self._folded.get(incident_id)
        return known[1] if known and known[0] == generation else None

    def _remember(self, incident: Incident, generation: int) -> Incident:
        """Keep the incident as it is now, unless another thread has read a newer one; the newer of the two."""
        with self._lock:
            known = self._folded.get(incident.id)
            if known is None or (known[0], known[1].version) < (generation, incident.version):
                self._folded[incident.id] = generation, incident
                return incident
            return known[1]

    def damage(self, incident_id: str) -> str:
        """What in the incident's entries is not as it was written, and from where on; "" if all is sound."""
        damage = self.journal.damage(incident_id)
        return damage and f"{damage}. Entries before it are intact; warroom doctor has details"

    @property
    def read_only(self) -> str:
        """Why nothing can be recorded from here; "" where it can."""
        return self.journal.read_only

    def notices(self) -> tuple[str, ...]:
        """What the person who opens the journal must know, a sentence each."""
        return self.journal.notices()

    def summaries(self) -> list[Summary]:
        """Every incident in brief, newest first. Read anew only once something has changed in the journal."""
        count = self.journal.change_count()  # before they are read: what is written meanwhile is read the next time
        known = self._summaries
        if known is None or known[0] != count:
            known = self._summaries = (count, self._read_summaries())
        return list(known[1])

    def _read_summaries(self) -> list[Summary]:
        rows = []
        for stream, version, text in self.journal.summaries():
            try:
                rows.append(Summary.from_json(text))
            except (ValueError, KeyError, TypeError):
                # Kept by another version, or entries of another laptop have arrived: the entries know better.
                with suppress(NotFound):  # its declaration has not arrived
                    rows.append(self._summarise(stream, version))
        return rows

    def _summarise(self, stream: str, version: int) -> Summary:
        summary = summarise(self.incident(stream), self.playbook)
        with suppress(JournalError):  # it is computed again, then
            self.journal.save_summary(stream, version, summary.to_json())
        return summary

    def the_incident(self, incident_id: str | None) -> Incident:
        """The incident named, or the one that is open. Refusal if several are, NotFound if none is."""
        if incident_id:
            return self.incident(incident_id.upper())
        summaries = self.summaries()
        live = [row for row in summaries if row.open]
        if len(live) > 1:
            names = ", ".join(f"{row.id} ({row.service})" for row in live)
            raise Refusal("Several incidents are open", f"Name one with --incident: {names}.")
        if not live and not summaries:
            raise NotFound("There is no incident", "Declare one: warroom declare SERVICE IMPACT.")
        # With none open, the latest one is what its follow-up verbs are about.
        return self.incident((live or summaries)[0].id)

    def troubled_dependencies(self, service: str, *, drill: bool = False) -> list[Trouble]:
        """Which of the services that ``service`` needs have alerts firing or an open incident, nearest first."""
        needs = dependencies(service, {one.name: one.depends_on for one in self.settings.services})
        return troubled(needs, self.team(), self.summaries(), drill=drill) if needs else []

    def team(self) -> TeamState:
        """Unacknowledged alerts, and readiness."""
        generation = self.journal.generation(TEAM)
        known = self._team[1] if self._team[0] == generation else TeamState()
        team = fold_team(self.journal.read(TEAM, known.version), known)
        with self._lock:
            if (generation, team.version) > (self._team[0], self._team[1].version):
                self._team = generation, team
            return self._team[1]

    def deliveries(self, incident_id: str | None = None) -> list[Delivery]:
        """The outbox of one incident or of all, in the order it was written.

        Where a destination has no channel to open or no status message, that delivery is left out once it is
        complete: nothing was sent.
        """
        return [one for one in self.journal.deliveries(incident_id) if not _placeless(one)]

    def stuck(self) -> list[Delivery]:
        """Deliveries that need a person: refused, unconfirmed, or without the settings to send them."""
        found = self.journal.deliveries(
            states=(DeliveryState.UNCONFIRMED, DeliveryState.FAILED, DeliveryState.PENDING)
        )
        replaced = {
            id
            for stream in {one.incident for one in found if one.item.operation == "status"}
            for id in superseded(self.journal.deliveries(stream))
        }
        return [
            one
            for one in found
            if not one.scrubbed
            and (one.lacks_settings or (one.state is not DeliveryState.PENDING and one.id not in replaced))
        ]

    def rota(self) -> Rota:
        """Who is on call when, with what was swapped and taken, and what a paging service said of its schedule."""
        table = self.settings.on_call
        report = None
        if table and table.schedule:
            report = ScheduleReport.from_json(self.journal.observation(schedule_key(table.schedule)))
        self._rota = Rota(table, self.zone, self.team().on_call, report)
        return self._rota

    def on_call(self) -> str:
        """Who is on call now, or "", by the rota as it was last read: a screen does not wait for the disk."""
        return (self._rota or self.rota()).person(self.clock())

    def people(self) -> list[str]:
        """The team's names, who is on call first."""
        names = [person.name for person in self.settings.team.people]
        first = self.on_call()
        return sorted(names, key=lambda name: name != first)

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    def declare(self, declare: Declare, *, commander: str = "", alert: UUID | None = None) -> Done:
        """Declare an incident; post the declaration to the team's destinations.

        ``commander`` gets the role at once. ``alert`` names the team entry that it comes from, which
        is then taken, with the other waiting alerts of its group; the alert of a drill always declares a drill.
        """
        declare = _clean(declare)
        context = self._command_context()
        team = self.team()
        waiting = team.alerts.get(alert) if alert else None
        if waiting and waiting.event.drill:
            declare = replace(declare, drill=True)
        if waiting and declare.detected_at is None:
            fired = min(waiting.event.fired_at or waiting.at, context.now)  # the source's clock may be ahead
            started = declare.started_at or fired
            declare = replace(declare, started_at=started, detected_at=max(fired, started))
        events = decide(Incident(""), declare, context)
        incident_id = self.new_incident(declare.private)
        story = UnitOfWork(Incident(incident_id), context)
        story.add(events)
        if waiting:
            story.add([NewEntry(waiting.event, waiting.id)])
        if commander:
            story.add(decide(story.incident, _clean(Assign("incident_commander", commander)), context))
        update = self.updates.compose(story.incident, "declaration", {})
        story.add(decide(story.incident, update, context))
        self._add_consequences(story)
        done = self._append(story, 0)
        if waiting:
            with suppress(WarroomError):  # it is declared, whatever becomes of this: the alert then still waits
                taken = same_group(waiting, team)
                self.append_team(*(AlertTaken(alert=each, incident=incident_id) for each in taken))
        return done

    def execute(self, incident_id: str, command: Command, *, by: str | None = None) -> Done:
        """Execute a command; ``by`` is who does it, if not the person at this console."""
        clean = _clean(command)
        if isinstance(clean, Acknowledge):
            clean = replace(clean, source=self.acknowledging_source(incident_id))
        if isinstance(clean, RecordFix):  # the last moment to know how it was before
            clean = replace(clean, measured=self._measured(incident_id))
        return self._execute(incident_id, lambda _: clean, by)

    def _execute(self, incident_id: str, command: Callable[[Incident], Command], by: str | None = None) -> Done:
        def decided(story: UnitOfWork) -> None:
            story.add(decide(story.incident, command(story.incident), story.context))

        return self.transact(incident_id, decided, by=by)

    def transact(self, incident_id: str, decided: Callable[[UnitOfWork], None], *, by: str | None = None) -> Done:
        """Append what ``decided`` adds to the unit of work, in one transaction; nothing if it adds nothing.

        It is called again where another process wrote first. ``by`` as for ``execute``.
        """
        with self._write_lock:
            for turn in range(RETRIES):
                incident = self.incident(incident_id)
                story = UnitOfWork(incident, self._command_context(by))
                decided(story)
                if not story.entries:
                    return Done(incident, [])
                self._add_consequences(story)
                try:
                    return self._append(story, incident.version)
                except Conflict:
                    if turn == RETRIES - 1:
                        raise
        raise AssertionError("unreachable")

    def _add_consequences(self, story: UnitOfWork) -> None:
        for add in self.consequences:
            with suppress(WarroomError):
                add(story)

    def draft_update(self, incident_id: str, template: str) -> dict[str, str]:
        """The template's fields as they would be filled in now; what happened since the last update included."""
        return self.updates.draft(self.incident(incident_id), template)

    def preview_update(
        self, incident_id: str, template: str, given: Mapping[str, str], destinations: Sequence[str] | None = None
    ) -> Preview:
        """Compose the update without posting it: the exact text each destination would get, and the warnings."""
        return self.updates.preview(self.incident(incident_id), template, given, destinations)

    def post_update(
        self,
        incident_id: str,
        template: str,
        given: Mapping[str, str],
        *,
        destinations: Sequence[str] | None = None,
        approved_by: str = "",
        seen: int = 0,
    ) -> Done:
        """Post an update made from a template's fields; what is not given is drafted.

        ``next_update`` among the fields is a time as people type it. ``destinations`` leaves out others
        that take the audience. ``seen`` is the number of the last update that whoever posts has read. Refusal,
        JustPosted, BadInput as for ``PostUpdate``.
        """

        # Decided again if another process wrote first: of two consoles that post at once, the second is asked.
        def decided(incident: Incident) -> PostUpdate:
            update = self.updates.compose(incident, template, given, destinations)
            return replace(update, approved_by=redact(approved_by, personal=False).text, seen=seen)

        done = self._execute(incident_id, decided)
        with suppress(WarroomError):  # it is posted, whatever becomes of its draft
            self.save_draft(incident_id, template, "")
        return done

    def confirm_delivery(self, delivery_id: str, *, sent: bool) -> Delivery:
        """Record what a person found out about an unconfirmed or failed delivery: it arrived, or send it again.

        ``delivery_id`` may have the number of the timeline's row instead of the short id of the entry.
        """
        delivery = self.journal.confirm(self._full_id(delivery_id), sent=sent, now=self.clock())
        self.notify()
        return delivery

    def _full_id(self, delivery_id: str) -> str:
        parts = delivery_id.split(".", 2)
        if len(parts) == 3 and parts[1].isdecimal() and len(parts[1]) < 8:
            incident, number, rest = parts
            rows = self.incident(incident.upper()).rows
            full = (
                f"{incident.upper()}.{short_id(rows[int(number) - 1].id)}.{rest}"
                if int(number) <= len(rows)
                else ""
            )
            if any(one.id == full for one in self.journal.deliveries(incident.upper())):
                return full
        return delivery_id

    def resend_failed(self, incident_id: str | None = None) -> list[Delivery]:
        """Have everything sent again that was refused, of one incident or of all; what that is.

        Not a status message that a newer one has replaced, and nothing of unknown outcome.
        """
        again = []
        for failed in resendable(self.journal.deliveries(incident_id)):
            with suppress(Refusal, NotFound):  # someone else was faster
                again.append(self.journal.confirm(failed.id, sent=False, now=self.clock()))
        self.notify()
        return again

    def receive_alert(self, alert: ReceiveAlert) -> None:
        """Keep an alert for whoever declares next; NotSaved if it could not be kept."""
        clean = _clean(alert)
        self.append_team(clean.entry(self._command_context()))

    def clear_alert(self, alert: ClearAlert) -> None:
        """Record that a waiting alert is over."""
        self.append_team(_clean(alert).entry(self._command_context()))

    def dismiss_alert(self, *alerts: UUID) -> None:
        """Record that these alerts are no incident."""
        self.append_team(*(AlertTaken(alert=alert) for alert in alerts))

    def alert_severity(self, alert: Alert) -> str:
        """The severity an incident of this alert begins with; "" if nothing says which."""
        table = self.settings.alerts.get(alert.event.source)
        severities = [severity.id for severity in self.playbook.severities]
        rules = self.playbook.alerts
        return severity_of(alert, severities, rules.critical, rules.warning, table.severities if table else None)

    def acknowledging_source(self, incident_id: str) -> str:
        """The alert source that is told when the incident is acknowledged; "" if none is."""
        reports = self.source_reports()
        tracked = self.team().tracked.values()
        sources = (known.source for known in tracked if known.incident == incident_id)
        return next((one for one in sources if one in reports and reports[one].acknowledges), "")

    def record_chat(self, incident_id: str, record_chat: RecordChat) -> Done:
        """Record a chat message, under the name of who wrote it."""
        return self.execute(incident_id, record_chat, by=_clean(record_chat).who)

    def confirm_ready(self, item: str) -> None:
        """Say that a readiness item holds true today."""
        self.append_team(*confirm_ready(item, self.playbook))

    def keep_channel(self, incident_id: str, destination: str, channel: Channel, invited: int) -> None:
        """Keep where a destination talks about the incident, if that is news."""
        if self.incident(incident_id).channels.get(destination) != channel:
            command = OpenChannel(
                destination, channel.id, channel.name, channel.url, invited, channel.thread, channel.talk
            )
            self.execute(incident_id, command, by="")

    # ── drafts ────────────────────────────────────────────────────────────────────────────────────────────

    def save_draft(self, incident_id: str, form: str, text: str) -> None:
        """Save a half-written form for the person at this console ("" deletes it); it survives a kill."""
        self._drafts.save(incident_id, form, text)

    def saved_draft(self, incident_id: str, form: str) -> str:
        """The half-written form of the person at this console, or ""."""
        return self._drafts.load(incident_id, form)

    def open_draft(self, incident_id: str, form: str) -> OpenedDraft:
        """The draft that a form opens with.

        One that was saved without its author becomes this person's. It is called ownerless unless no one else
        has written in the incident, so that the form can warn that it may be someone else's.
        """
        text = self._drafts.load(incident_id, form)
        if text or not self._drafts.adopt(incident_id, form):
            return OpenedDraft(text)
        text = self._drafts.load(incident_id, form)
        with suppress(NotFound):  # the form that declares belongs to no incident
            authors = {row.by for row in self.incident(incident_id).rows if row.by}
            return OpenedDraft(text, ownerless=authors != {self.by})
        return OpenedDraft(text, ownerless=True)

    # ── observations ──────────────────────────────────────────────────────────────────────────────────────

    def save_observation(self, incident_id: str, observation: Observation) -> None:
        """Keep what this console measured about an incident, for other processes, over what was kept before."""
        with self._write_lock:  # the watches of logs and of probes save side by side
            observation = observation.over(self.observation(incident_id))
            self.journal.save_observation(incident_id, observation.to_json())

    def observation(self, incident_id: str) -> Observation | None:
        """What a console measured about an incident last; None if none did."""
        text = self.journal.observation(incident_id)
        return Observation.from_json(text) if text else None

    def save_source_report(self, source: str, report: SourceReport) -> None:
        """Keep how the last poll of an alert source went, for other processes."""
        self.journal.save_observation(report_key(source), report.to_json())

    def source_reports(self) -> dict[str, SourceReport]:
        """How the last poll of each alert source of the settings went, if there was one."""
        found = {source: self.source_report(source) for source in self.settings.alerts}
        return {source: report for source, report in found.items() if report}

    def source_report(self, source: str) -> SourceReport | None:
        """How the last poll of an alert source went; None if there was none."""
        text = self.journal.observation(report_key(source))
        return SourceReport.from_json(text) if text else None

    def _measured(self, incident_id: str) -> dict[str, Measured]:
        observation, now = self.observation(incident_id), self.clock()
        readings = observation.dated() if observation else {}
        return {name: (one.speaks, one.text, one.value) for name, one in readings.items() if one.is_fresh(now)}

    # ── presence ──────────────────────────────────────────────────────────────────────────────────────────

    def save_presence(self, incident_id: str, doing: str, since: datetime) -> None:
        """Say that this console shows an incident ("" for none), and what is done there since when."""
        now = self.clock()
        text = Presence(self.by, doing, since).to_json() if incident_id else ""
        self.journal.save_presence(self._session, incident_id, text, now, now + LASTS)

    def others(self, incident_id: str) -> tuple[Presence, ...]:
        """Who has an incident open in another console now."""
        found = self.journal.presence(incident_id, self.clock())
        present = [Presence.from_json(text) for session, text in found if session != self._session]
        return tuple(one for one in present if one)

    # ── notifying ─────────────────────────────────────────────────────────────────────────────────────────

    def change_count(self) -> int:
        """Return a number that changes with every change by any process on this data folder; cheap."""
        return self.journal.change_count()

    def on_change(self, notify: Callable[[], None]) -> None:
        """Call ``notify``, from any thread, after every change made through this room. It must return at once."""
        self._listeners.append(notify)

    def on_recorded(self, read: Callable[[Sequence[Entry]], None]) -> None:
        """Call ``read``, from any thread, with what is recorded through this room. It must return at once."""
        self._readers.append(read)

    def _recorded(self, entries: Sequence[Entry]) -> None:
        for read in tuple(self._readers):
            read(entries)
        self.notify()

    def notify(self) -> None:
        """Notify the listeners that something changed."""
        for notify in tuple(self._listeners):
            notify()

    # ── helpers ───────────────────────────────────────────────────────────────────────────────────────────

    def _command_context(self, by: str | None = None) -> CommandContext:
        now = self.clock()
        return CommandContext(
            self.playbook, now, self.by if by is None else by, now.astimezone(self.zone).date(), self._new_id
        )

    def _new_id(self) -> UUID:
        return uuid7(self.clock(), os.urandom(10))

    def _append(self, story: UnitOfWork, expected: int) -> Done:
        entries = self.journal.append(
            story.incident.id,
            expected,
            [entry.event for entry in story.entries],
            [*self.updates.outbox_items(story.incident, story.entries, story.context.now), *story.items],
            at=story.context.now,
            by=story.authors,
            summary=summarise(story.incident, self.playbook).to_json(),
            ids=[entry.id for entry in story.entries],
        )
        generation = self._folded.get(story.incident.id, (0, None))[0]
        self._remember(story.incident, generation)  # not read anew: what is written must not turn into an error
        self._recorded(entries)
        return Done(story.incident, entries)

    def append_team(self, *new: Event | NewEntry) -> None:
        """Append to the team's stream."""
        entries = [item if isinstance(item, NewEntry) else NewEntry(item, self._new_id()) for item in new]
        self.transact_team(lambda team, context: entries)

    def transact_team(
        self,
        decided: Callable[[TeamState, CommandContext], Sequence[NewEntry]],
        *,
        by: str | None = None,
        items: Sequence[OutboxItem] = (),
    ) -> None:
        """Append what ``decided`` returns to the team's stream, in one transaction; nothing if that is nothing.

        It is called again where another process wrote first. ``by`` as for ``execute``. ``items`` are sent because
        of the first entry.
        """
        with self._write_lock:
            for turn in range(RETRIES):
                team, context = self.team(), self._command_context(by)
                entries = decided(team, context)
                if not entries:
                    return
                events, ids = [entry.event for entry in entries], [entry.id for entry in entries]
                try:
                    sent = [(0, item) for item in items]
                    done = self.journal.append(
                        TEAM, team.version, events, sent, at=context.now, by=context.by, ids=ids
                    )
                    break
                except Conflict:
                    if turn == RETRIES - 1:
                        raise
        self._recorded(done)


class UnitOfWork:
    """Events decided but not yet appended, and the incident as it will be."""

    def __init__(self, incident: Incident, context: CommandContext) -> None:
        self.incident = incident
        self.context = context
        self.entries: list[NewEntry] = []
        self.authors: list[str] = []
        """Who did it, for each of ``entries``."""
        self.items: list[tuple[int, OutboxItem]] = []
        """More to send than the entries lead to by themselves, each with the index of its entry."""

    def add(self, entries: Sequence[NewEntry], by: str | None = None) -> None:
        """Add entries; ``by`` is who did it, if not the person of the context."""
        incident, context = self.incident, self.context
        author = context.by if by is None else by
        folded = [
            Entry(
                stream=incident.id,
                seq=incident.version + place,
                id=entry.id,
                at=context.now,
                by=author,
                event=entry.event,
            )
            for place, entry in enumerate(entries, 1)
        ]
        self.incident = fold(incident.id, folded, incident)
        self.entries += entries
        self.authors += [author] * len(entries)


def _placeless(delivery: Delivery) -> bool:
    """Whether the destination has no channel to open or status message to show, so that nothing was sent."""
    if delivery.state is not DeliveryState.DELIVERED:
        return False
    receipt = delivery.receipt
    if delivery.item.operation == "open":
        return receipt is not None and not receipt.id
    return delivery.item.operation == "status" and not (receipt and receipt.id)


def _clean(command: C) -> C:
    """The command with every text in it sanitized and redacted."""
    cleaned: dict[str, Any] = {}
    for item in fields(command):  # type: ignore[arg-type]
        value = getattr(command, item.name)
        if isinstance(value, str):
            cleaned[item.name] = redact(value, personal=False).text
        elif isinstance(value, dict):
            cleaned[item.name] = {k: redact(v, personal=False).text for k, v in value.items()}
    return replace(command, **cleaned)  # type: ignore[type-var]
