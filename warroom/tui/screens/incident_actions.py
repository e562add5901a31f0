"""What can be done to an incident on a screen, most of it by a form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import ClassVar, Literal, cast

from textual import events
from textual.binding import BindingType

from warroom.errors import BadInput
from warroom.incident import timing
from warroom.incident.change_commands import PlanChange
from warroom.incident.chat import Promote
from warroom.incident.commands import (
    Acknowledge,
    Check,
    Command,
    Note,
    Reopen,
    SetSeverity,
    SetStatus,
    Uncheck,
)
from warroom.incident.corrections import AmendEntry, AmendMilestone, RetractEntry
from warroom.incident.events import MILESTONES, Milestone, NoteKind, UpdatePosted
from warroom.incident.incident import TimelineRow
from warroom.incident.investigation import (
    AssignTask,
    CompleteTask,
    ConfirmHypothesis,
    RuleOutHypothesis,
    Undo,
)
from warroom.incident.quick_note import parse_quick_note
from warroom.incident.readings import Reading
from warroom.incident.roles import AcceptHandover, Assign, HandOver, Release, TakeRoles
from warroom.incident.step_items import step_item
from warroom.room.links import incident_links
from warroom.room.snapshot import incident_brief
from warroom.safety import redact, sanitize
from warroom.tui.actions import bindings, key_of
from warroom.tui.screens.brief import BriefScreen
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.form_dialog import Field, Form
from warroom.tui.screens.form_screen import Draft
from warroom.tui.screens.guidance_actions import GuidanceActions
from warroom.tui.screens.line_form import DecisionPoll, LineForm, QuickNote
from warroom.tui.screens.links import LinksScreen
from warroom.tui.widgets.row_list import RowList

NOBODY = "‹nobody›"

PLANNED = "planned"
"""The kind of note that is a change which is not made yet."""

POLL = timedelta(seconds=60)
"""How long a proposal waits for objections."""


_LINK = re.compile(r"https?://\S{1,500}")


class IncidentActions(GuidanceActions):
    """A screen on which everything in the registry can be done to an incident. An action ``x`` is ``do_x``."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("incident")]

    def tick_over(self, item_id: str, reading: Reading) -> None:
        """Ask whether to tick an item that a reading speaks against; the timeline keeps the reading."""
        item = self.context.room.playbook.item(item_id)

        def answered(yes: bool | None) -> None:
            if yes:
                self.start(self._tick_over(item_id, reading.text))

        question = Confirm(
            f"{self.incident_id} · {item.text}",
            f"{reading.text}. Tick it anyway?",
            no="No, look into it first",
            yes="Yes, tick it — the timeline records the evidence",
        )
        self.app.push_screen(question, answered)

    async def _tick_over(self, item_id: str, evidence: str) -> None:
        await self._tick(Check(item_id, evidence, anyway=True))

    def _people(self) -> tuple[str, ...]:
        return tuple(self.context.room.people())

    async def do_acknowledge(self) -> None:
        await self.run_command(Acknowledge())

    async def do_note(self) -> None:
        """One line at the bottom; a draft that does not fit on it opens in the full form."""
        room, incident_id, people = self.context.room, self.incident_id, self._people()
        unclear: list[ConfirmHypothesis | RuleOutHypothesis] = []

        def done(_: bool | None) -> None:
            """Which hypothesis is meant is chosen from a list, once the line is closed."""
            if unclear:
                self.start(partial(self.do_hypothesis, "", unclear[0]))

        async def submit(values: dict[str, str]) -> None:
            command = parse_quick_note(values["words"], people)
            several = len(self.incident.hypotheses_in("open")) > 1
            if isinstance(command, ConfirmHypothesis | RuleOutHypothesis) and not command.hypothesis and several:
                unclear.append(command)
                return
            self.took_effect((await self.context.work(lambda: room.execute(incident_id, command))).incident)

        async def show() -> None:
            draft = Draft(self.context, incident_id, "note")
            kept = await draft.load()
            if set(kept) - {"words"} or "\n" in kept.get("words", ""):
                self.ask_note(kept)
                return
            title = f"{incident_id} · add note"
            note = QuickNote(title, submit, people, self._expand_note, draft, kept)
            await self.app.push_screen(note, done)

        self.open(show)

    async def _expand_note(self, typed: str) -> None:
        """The full form of what a quick note says so far."""
        try:
            command = parse_quick_note(typed, self._people())
        except BadInput:
            command = Note(typed)
        if isinstance(command, AssignTask):
            await self.do_task(command)
        elif isinstance(command, ConfirmHypothesis | RuleOutHypothesis):
            await self.do_hypothesis(command.hypothesis.upper(), command)
        elif isinstance(command, Note):
            values = {name: getattr(command, name) for name in ("words", "note", "because", "rollback")}
            self.ask_note(values)
        elif isinstance(command, PlanChange):
            self.ask_note({"words": command.words, "note": PLANNED, "because": "", "rollback": command.rollback})

    def ask_note(self, values: Mapping[str, str]) -> None:
        """The full form of a note, beginning with ``values``."""
        kinds = (
            ("note", "Note"),
            ("finding", "Finding — what we know"),
            ("hypothesis", "Hypothesis — what we suspect"),
            ("decision", "Decision — and why"),
            (PLANNED, "Planned change — before it is made"),
            ("change", "Change — and how to undo it"),
        )

        def command(v: dict[str, str]) -> Command:
            if v["note"] == PLANNED:
                return PlanChange(v["words"], v["rollback"])
            return Note(v["words"], cast(NoteKind, v["note"]), v["because"], v["rollback"])

        self.ask(
            "add note",
            (
                Field("words", "What", long=True, hint="Connection pool exhausted on eu-1"),
                Field("note", "Kind", choices=kinds),
                Field("because", "Because (decisions)", hint="why this and not something else"),
                Field("rollback", "Rollback (changes need one)", hint="how to undo it"),
            ),
            command,
            form="note",
            begin=values,
        )

    async def do_undo(self) -> None:
        if await self.run_command(Undo()):
            self.context.notify("Undone")

    async def do_hypothesis(
        self, hypothesis: str = "", verdict: ConfirmHypothesis | RuleOutHypothesis | None = None
    ) -> None:
        known = [one for one in self.incident.hypotheses.values() if one.state != "retracted"]
        known.sort(key=lambda one: one.state != "open")
        if not known:
            self.context.notify(self.context.with_keys("There is no hypothesis yet; note one first ({note})"))
            return
        choices = tuple((one.id, f"{one.id} {one.words} ({one.state})") for one in known)
        wanted = hypothesis if hypothesis in dict(choices) else choices[0][0]
        outcomes = (("ruled out", "Ruled out"), ("confirmed", "Confirmed"))
        outcome = "confirmed" if isinstance(verdict, ConfirmHypothesis) else "ruled out"
        self.ask(
            "confirm or rule out",
            (
                Field("hypothesis", "Hypothesis", wanted, choices=choices),
                Field("outcome", "It is", outcome, choices=outcomes),
                Field("reason", "How we know", verdict.reason if verdict else "", hint="no packet loss on eu-1"),
            ),
            lambda v: (ConfirmHypothesis if v["outcome"] == "confirmed" else RuleOutHypothesis)(
                v["hypothesis"], v["reason"]
            ),
        )

    async def do_task(self, task: AssignTask | None = None) -> None:
        task = task if isinstance(task, AssignTask) else AssignTask("", "")
        self.ask(
            "assign a task",
            (
                Field("who", "Who", task.who, suggest=self._people(), hint="a name"),
                Field("words", "What", task.words, hint="check the replicas"),
                Field("within", "Within", f"{task.minutes:g}m", hint="10m"),
            ),
            lambda v: AssignTask(v["who"], v["words"], timing.read_duration(v["within"]) / 60),
            verb="assign",
        )

    async def do_finish_task(self, task: str = "") -> None:
        choices = tuple((one.id, f"{one.id} {one.who}: {one.words}") for one in self.incident.open_tasks)
        if not choices:
            self.context.notify("No task is open")
            return
        wanted = task if task in dict(choices) else choices[0][0]
        self.ask(
            "finish a task",
            (Field("task", "Done", wanted, choices=choices),),
            lambda v: CompleteTask(v["task"]),
            verb="done",
            about="What came of it belongs in a finding.",
        )

    async def do_poll(self) -> None:
        """Propose a decision; it is recorded if nobody objects in time."""
        room, incident_id, now = self.context.room, self.incident_id, self.context.now
        polls: list[DecisionPoll] = []

        def asked(_: bool | None) -> None:
            if polls:
                self.app.push_screen(polls[0])

        async def record(note: Note) -> None:
            self.took_effect((await self.context.work(lambda: room.execute(incident_id, note))).incident)

        async def ask(values: dict[str, str]) -> None:
            proposal = values["words"].strip()
            if not proposal:
                raise BadInput("The proposal is empty", "Say in a few words what you want to do.")
            seconds = int(POLL.total_seconds())
            decided = Note(proposal, "decision", because=f"no objection within {seconds} s")
            poll = DecisionPoll(
                f"{incident_id} · poll",
                proposal,
                now() + POLL,
                now,
                lambda: record(decided),
                lambda objection: record(Note(f"Not decided: {proposal} — objection: {objection.strip()}")),
            )
            polls.append(poll)

        field = Field("words", "What do you want to decide?", hint="Roll back to 412")
        self.app.push_screen(LineForm(f"{incident_id} · poll", (field,), ask, verb="ask for objections"), asked)

    async def do_brief(self) -> None:
        assert self.snapshot is not None
        self.app.push_screen(
            BriefScreen(incident_brief(self.snapshot, self.context.now(), self.context.zone), self)
        )

    async def do_links(self) -> None:
        """Show the links of the incident."""
        links = incident_links(self.incident, self.context.room.settings)
        if not links:
            words = f"{self.incident.service} and its alerts have no links; give the service some in the settings"
            self.context.notify(words, "warning")
            return
        self.app.push_screen(LinksScreen(self.context, f"{self.incident_id} · links", links))

    async def do_assign(self, role: str = "") -> None:
        playbook, incident = self.context.room.playbook, self.incident
        roles = tuple(
            (role.id, f"{role.title} — {incident.roles[role.id].person if role.id in incident.roles else 'nobody'}")
            for role in playbook.roles
        )
        nobodys = next((role.id for role in playbook.roles if role.id not in incident.roles), roles[0][0])
        wanted = role if role in dict(roles) else nobodys
        people = self._people()

        def command(v: dict[str, str]) -> Command:
            person = v["person"].strip()
            return Release(v["role"]) if person in (NOBODY, "") else Assign(v["role"], person)

        about = "\n".join(
            f"{role.title}: {', '.join(role.responsibilities)}. Backup: {role.backup}" for role in playbook.roles
        )
        if not people:
            field = Field("person", "Person", hint="a name; leave empty to release the role")
        else:
            field = Field("person", "Person", choices=(*((p, p) for p in people), (NOBODY, "nobody (release)")))
        self.ask(
            "assign a role",
            (Field("role", "Role", wanted, choices=roles), field),
            command,
            verb="assign",
            about=about,
        )

    async def do_page(self) -> None:
        """Page somebody by hand."""
        from warroom.room.escalation import page_by_hand
        from warroom.room.requests import takers

        room, incident_id, people = self.context.room, self.incident_id, self._people()
        services = takers(room, self.incident, "page")
        if not services:
            self.context.notify("No paging service can be used here; add [paging.NAME] to the settings", "warning")
            return
        who = (
            Field("who", "Who", choices=tuple((one, one) for one in people))
            if people
            else Field("who", "Who", hint="a name")
        )
        through = Field("through", "Through", "", choices=tuple((one, one) for one in services))

        async def submit(values: dict[str, str]) -> None:
            name = values["who"].strip()
            if not name:
                raise BadInput("Nobody is named", "Say who is to be paged.")
            call = partial(page_by_hand, room, incident_id, [name], [values["through"]], values["reason"])
            self.took_effect((await self.context.work(call)).incident)
            self.context.notify(f"Paging {name} through {values['through']}")

        async def show() -> None:
            fields = (who, through, Field("reason", "Why", hint="the rollback needs you"))
            title = f"{incident_id} · page somebody"
            await self.app.push_screen(Form(title, fields, submit, verb="page"))

        self.open(show)

    async def do_take_all(self) -> None:
        """Take every role that nobody holds: what one person alone does at the start."""
        if await self.run_command(TakeRoles()):
            self.context.notify("You now hold every role that was free")

    async def do_hand_over(self, role: str = "") -> None:
        held = tuple((a.role, f"{a.title} — {a.person}") for a in self.incident.roles.values())
        wanted = role if role in self.incident.roles else ""
        people = self._people()
        person = (
            Field("to", "To", choices=tuple((p, p) for p in people)) if people else Field("to", "To", hint="a name")
        )
        self.ask(
            "hand over a role",
            (
                Field("role", "Role", wanted, choices=held),
                person,
                Field("briefing", "Briefing", hint="what they must know"),
            ),
            lambda v: HandOver(v["role"], v["to"], v["briefing"]),
            verb="offer",
            about=self.context.with_keys("Takes effect when they accept ({accept})."),
        )

    async def do_accept(self, role: str = "") -> None:
        offered = [a.role for a in self.incident.roles.values() if a.offered_to]
        if offered:
            await self.run_command(AcceptHandover(role if role in offered else offered[0]))

    async def do_check(self, item: str = "") -> None:
        """Tick an item. One that is ticked is unticked only after a question: that goes into the post-mortem."""
        tick = self.incident.ticks.get(item)
        if not item:
            key = key_of("pane_checklist", self.context.keys)
            self.context.notify(f"Put the cursor on a checklist item first ({key})", "warning")
        elif asked := step_item(self.context.room.playbook, item):
            self.ask_finding(asked)
        elif tick is None:
            reading = self.evidence(item)
            recovery = self.context.room.playbook.checklists["recovery"].items
            if reading and reading.against:
                self.tick_over(item, reading)
            elif reading and reading.speaks == "for":
                await self._tick(Check(item, evidence=reading.text))
            elif any(one.id == item for one in recovery):
                self._ask_what_was_seen(item)
            else:
                await self._tick(Check(item))
        else:
            at = f"{tick.at.astimezone(self.context.zone):%H:%M}"
            how = f"by {tick.by}" if tick.by else "automatically"
            was = f"Not needed: {tick.not_needed}. Marked" if tick.not_needed else "Ticked"
            question = Confirm(
                f"{self.incident_id} · untick",
                f"Untick “{self.context.room.playbook.item(item).text}”?",
                about=f"{was} {how} at {at}. The timeline records the change.",
                no="No, leave it ticked",
                yes="Yes, untick it",
            )

            def answered(yes: bool | None) -> None:
                if yes:
                    self.start(partial(self._untick, item))

            self.app.push_screen(question, answered)

    def _ask_what_was_seen(self, item: str) -> None:
        """That service has recovered takes a reading or a typed answer: one key pressed again and again must not
        resolve an incident."""

        async def submit(values: dict[str, str]) -> None:
            seen = values["evidence"].strip()
            if not seen:
                raise BadInput("Nothing is written", "Say how you know, such as “10 of 10 orders ok”.")
            room, check = self.context.room, Check(item, evidence=seen)
            done = await self.context.work(lambda: room.execute(self.incident_id, check))
            self.took_effect(done.incident)
            self._go_on()

        text = self.context.room.playbook.item(item).text
        field = Field("evidence", f"{text}: what did you see?", hint="10 of 10 test orders went through")
        self.app.push_screen(LineForm(f"{self.incident_id} · verify", (field,), submit, verb="tick"))

    async def on_paste(self, event: events.Paste) -> None:
        """A link that is pasted on the item of the channel ticks it: of a channel that no destination could open,
        the timeline then keeps where it is."""
        item, link = self.target_of("check"), event.text.strip()
        if item in self.incident.ticks or not _LINK.fullmatch(link) or not self._is_about_channel(item):
            return
        event.stop()
        await self._tick(Check(item, evidence=redact(link).text))

    def _is_about_channel(self, item: str) -> bool:
        lists = self.context.room.playbook.checklists.values()
        return any(one.id == item and one.done_by == "channel-opened" for items in lists for one in items.items)

    async def _tick(self, check: Check) -> None:
        if await self.run_command(check):
            self._go_on()

    def _go_on(self) -> None:
        """The cursor goes on to what is to be done next."""
        for rows in self.query("#items").results(RowList):
            rows.lead_again()
        self.show_next_line()

    async def _untick(self, item: str) -> None:
        await self.run_command(Uncheck(item))

    async def do_severity(self) -> None:
        severities = self.context.room.playbook.severities
        choices = tuple(
            (s.id, f"{s.title:<9} {s.impact} · respond < {_span(s.response_minutes)} · {s.example}")
            for s in severities
        )
        self.ask(
            "set the severity",
            (
                Field(
                    "severity", "Severity (if unsure, choose the higher)", self.incident.severity, choices=choices
                ),
                Field("reason", "Reason (needed to lower it)", hint="why it is less severe than thought"),
            ),
            lambda v: SetSeverity(v["severity"], v["reason"]),
            verb="set",
        )

    async def do_status(self) -> None:
        choices = (
            ("mitigated", "Mitigated — users no longer affected, cause still present"),
            ("investigating", "Investigating — users affected"),
        )
        now = "investigating" if self.incident.status == "mitigated" else "mitigated"
        self.ask(
            "set the status",
            (Field("status", "Status", now, choices=choices), Field("reason", "Why", hint="optional")),
            lambda v: SetStatus(v["status"], v["reason"]),
            verb="set",
        )

    def _row_under_cursor(self) -> TimelineRow | None:
        """The timeline row under the cursor; None, and a notification, if the cursor is on none."""
        entry = self.entry_under_cursor()
        row = self.incident.row(entry) if entry else None
        if row is None:
            words = "Put the cursor on a timeline entry first ({pane_timeline})"
            self.context.notify(self.context.with_keys(words), "warning")
        return row

    async def do_amend(self) -> None:
        row = self._row_under_cursor()
        if row is None:
            return
        zone, now = self.context.zone, self.context.now
        was = f"{row.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"

        def command(v: dict[str, str]) -> Command:
            at = None if v["at"].strip() == was else timing.read_moment(v["at"], now(), zone)
            return AmendEntry(str(row.id), None if v["words"] == row.text else v["words"], at)

        self.ask(
            f"amend entry {row.number}",
            (Field("words", "Text", row.text, long=True), Field("at", "Time", was)),
            command,
            verb="amend",
            about="The original stays in the journal.",
        )

    async def do_retract(self) -> None:
        row = self._row_under_cursor()
        if row is None:
            return
        self.ask(
            f"retract entry {row.number}",
            (Field("reason", "Why", hint="it was the wrong host"),),
            lambda v: RetractEntry(str(row.id), v["reason"]),
            verb="retract",
            about=row.text,
        )

    async def do_make_finding(self) -> None:
        await self._promote("finding")

    async def do_make_decision(self) -> None:
        await self._promote("decision")

    async def _promote(self, note: Literal["finding", "decision"]) -> None:
        # It acts at once: only on a row whose cursor one sees.
        rows = self.query("#entries")
        if not (rows and rows.first().has_focus):
            words = "Put the cursor on a chat message first ({pane_timeline})"
            self.context.notify(self.context.with_keys(words), "warning")
            return
        row = self._row_under_cursor()
        if row and await self.run_command(Promote(str(row.id), note)):
            self.context.notify(f"Made a {note}")

    async def do_copy(self) -> None:
        row = self._row_under_cursor()
        if row is None:
            return
        event = row.entry.event
        self.copy_text(event.words if isinstance(event, UpdatePosted) else row.text)

    def copy_text(self, text: str) -> None:
        """Put a text on the terminal's clipboard, for pasting by hand."""
        self.app.copy_to_clipboard(sanitize(text))
        lines = len(text.splitlines())
        self.context.notify(f"Copied {lines} {'line' if lines == 1 else 'lines'}")

    async def do_milestone(self) -> None:
        zone, now = self.context.zone, self.context.now
        known = self.incident.milestones
        choices = tuple(
            (m, f"{m:<13} {known[m].astimezone(zone):%Y-%m-%d %H:%M:%S}" if m in known else m) for m in MILESTONES
        )
        self.ask(
            "amend a milestone",
            (
                Field("milestone", "Milestone", choices=choices),
                Field("at", "When it was", hint="13:50, -10m, 2026-01-28 13:50"),
                Field("reason", "How we know", hint="optional"),
            ),
            lambda v: AmendMilestone(
                cast(Milestone, v["milestone"]), timing.read_moment(v["at"], now(), zone), v["reason"]
            ),
            verb="amend",
        )

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def do_reopen(self) -> None:
        self.ask(
            "reopen",
            (Field("reason", "Why", hint="errors rise again on eu-1"),),
            lambda v: Reopen(v["reason"]),
            verb="reopen",
        )


def _span(minutes: float) -> str:
    return timing.format_duration(timedelta(minutes=minutes))
