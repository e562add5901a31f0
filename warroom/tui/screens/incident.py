"""What can be done to an incident, as forms: the base of every screen that is about one. Lays nothing out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import ClassVar, cast

from textual.binding import BindingType

from warroom.incident import decisions, timing
from warroom.incident.decisions import (
    AcceptHandover,
    Acknowledge,
    AddAction,
    AmendEntry,
    AmendMilestone,
    Assign,
    Check,
    Close,
    Command,
    CompleteAction,
    HandOver,
    Note,
    RecordFix,
    Release,
    Reopen,
    RetractEntry,
    SetSeverity,
    SetStatus,
    Uncheck,
    WriteSection,
)
from warroom.incident.events import MILESTONES, SECTIONS, Milestone, NoteKind, Section
from warroom.incident.incident import Incident
from warroom.room.lookout import next_item
from warroom.tui.actions import bindings
from warroom.tui.bridge import Bridge
from warroom.tui.feed import Glance, News
from warroom.tui.screens.form import Field, Form
from warroom.tui.screens.place import PlaceScreen

NOBODY = "‹nobody›"


class IncidentScreen(PlaceScreen):
    """A screen about one incident. Subclasses draw ``glance`` in ``show_glance`` and say where the cursor is."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("incident")]

    def __init__(self, bridge: Bridge, incident_id: str) -> None:
        super().__init__(bridge)
        self.incident_id = incident_id
        self.glance: Glance | None = None

    # ── hearing ─────────────────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        self.bridge.feed.watch(self, lambda: self.bridge.feed.glance(self.incident_id))

    def on_unmount(self) -> None:
        self.bridge.feed.leave(self)

    def on_news(self, event: News[Glance]) -> None:
        self.glance = event.value
        self.show_glance(event.value)
        self.show_keys()

    def show_glance(self, glance: Glance) -> None:
        """Draw the incident as it is now."""
        raise NotImplementedError

    @property
    def subject(self) -> Incident | None:
        return self.glance.incident if self.glance else None

    @property
    def incident(self) -> Incident:
        """The incident as last heard of; actions run only once there is one."""
        assert self.glance is not None
        return self.glance.incident

    async def action_do(self, action_id: str) -> None:
        if self.glance is not None:
            await super().action_do(action_id)

    # ── where the cursor is; subclasses that have such rows say more ────────────────────────────────────

    def item_under_cursor(self) -> str:
        """The checklist item that space means."""
        item = next_item(self.incident, self.bridge.room.playbook, self.bridge.now())
        return item.id if item else ""

    def entry_under_cursor(self) -> int:
        """The timeline entry that amending and retracting mean; 0 for none."""
        return 0

    def role_under_cursor(self) -> str:
        """The role that assigning means: the first that nobody holds."""
        return next((r.id for r in self.bridge.room.playbook.roles if r.id not in self.incident.roles), "")

    # ── doing ───────────────────────────────────────────────────────────────────────────────────────────

    async def carry(self, command: Command) -> bool:
        """Carry out a command at once; what is refused is said. True if it was done."""
        return await self.bridge.carry_out(lambda: self.bridge.room.do(self.incident_id, command)) is not None

    def ask(
        self, title: str, fields: Sequence[Field], command: Callable[[dict[str, str]], Command], *,
        verb: str = "save", about: str = "", form: str = "",
    ) -> None:  # fmt: skip
        """A form whose values make a command. With ``form`` its draft survives leaving it, and a kill."""
        room, incident_id = self.bridge.room, self.incident_id

        async def submit(values: dict[str, str]) -> None:
            made = command(values)
            await self.bridge.work(lambda: room.do(incident_id, made))

        async def show() -> None:
            kept = await self.bridge.carry_out(lambda: room.saved_draft(incident_id, form)) if form else ""

            def keep(text: str) -> None:
                self.run_worker(
                    self.bridge.carry_out(lambda: room.save_draft(incident_id, form, text)), exit_on_error=False
                )

            self.app.push_screen(
                Form(f"{incident_id} · {title}", fields, submit, verb=verb, about=about, kept=kept or "",
                     keep=keep if form else None)
            )  # fmt: skip

        self.run_worker(show(), exit_on_error=False)

    def _people(self) -> tuple[str, ...]:
        return tuple(self.bridge.room.people())

    async def do_acknowledge(self) -> None:
        await self.carry(Acknowledge())

    async def do_note(self) -> None:
        kinds = (
            ("note", "Note"), ("finding", "Finding — what we know"), ("hypothesis", "Hypothesis — what we suspect"),
            ("decision", "Decision — and why"), ("change", "Change — and how to undo it"),
        )  # fmt: skip
        self.ask(
            "write it down",
            (
                Field("words", "What", long=True, hint="Connection pool exhausted on eu-1"),
                Field("note", "Kind", choices=kinds),
                Field("because", "Because (decisions)", hint="why this and not something else"),
                Field("rollback", "Rollback (changes need one)", hint="how to undo it"),
            ),
            lambda v: Note(v["words"], cast(NoteKind, v["note"]), v["because"], v["rollback"]),
            form="note",
        )

    async def do_assign(self) -> None:
        playbook, incident = self.bridge.room.playbook, self.incident
        roles = tuple(
            (role.id, f"{role.title} — {incident.roles[role.id].person if role.id in incident.roles else 'nobody'}")
            for role in playbook.roles
        )
        wanted = self.role_under_cursor() or roles[0][0]
        people = self._people()

        def command(v: dict[str, str]) -> Command:
            person = v["person"].strip()
            return Release(v["role"]) if person in (NOBODY, "") else Assign(v["role"], person)

        about = "\n".join(f"{role.title}: {', '.join(role.responsibilities)}" for role in playbook.roles)
        if not people:
            field = Field("person", "Person", hint="a name; leave empty to release the role")
        else:
            field = Field("person", "Person", choices=(*((p, p) for p in people), (NOBODY, "nobody (release)")))
        self.ask("assign a role", (Field("role", "Role", wanted, choices=roles), field), command,
                 verb="assign", about=about)  # fmt: skip

    async def do_hand_over(self) -> None:
        held = tuple((a.role, f"{a.title} — {a.person}") for a in self.incident.roles.values())
        people = self._people()
        person = (
            Field("to", "To", choices=tuple((p, p) for p in people)) if people else Field("to", "To", hint="a name")
        )
        self.ask(
            "hand over a role",
            (Field("role", "Role", choices=held), person,
             Field("briefing", "Briefing", hint="what they must know")),
            lambda v: HandOver(v["role"], v["to"], v["briefing"]),
            verb="offer",
            about="They hold the role once they say yes and somebody presses y.",
        )  # fmt: skip

    async def do_accept(self) -> None:
        offered = [a.role for a in self.incident.roles.values() if a.offered_to]
        if offered:
            await self.carry(AcceptHandover(offered[0]))

    async def do_check(self) -> None:
        item = self.item_under_cursor()
        if not item:
            self.bridge.say("Every item of this phase is ticked")
        elif item in self.incident.ticks:
            await self.carry(Uncheck(item))
        else:
            await self.carry(Check(item))

    async def do_severity(self) -> None:
        severities = self.bridge.room.playbook.severities
        choices = tuple(
            (s.id, f"{s.title:<9} {s.impact} · respond < {s.response_minutes} min · e.g. {s.example}")
            for s in severities
        )
        self.ask(
            "set the severity",
            (
                Field("severity", "Severity (unsure? take the higher)", self.incident.severity, choices=choices),
                Field("reason", "Reason (needed to lower it)", hint="why it is less bad than was thought"),
            ),
            lambda v: SetSeverity(v["severity"], v["reason"]),
            verb="set",
        )

    async def do_status(self) -> None:
        choices = (
            ("mitigated", "Mitigated — users are no longer hurt, the cause is still there"),
            ("investigating", "Investigating — users are hurt"),
        )
        now = "investigating" if self.incident.status == "mitigated" else "mitigated"
        self.ask(
            "set the status",
            (Field("status", "Status", now, choices=choices), Field("reason", "Why", hint="optional")),
            lambda v: SetStatus(v["status"], v["reason"]),
            verb="set",
        )

    async def do_fix(self) -> None:
        strategy = self.bridge.room.playbook.fix_strategy
        at_once, for_good = strategy.immediate_actions, strategy.permanent_solution
        about = f"At once: {' '.join(at_once)}\nFor good: {' '.join(for_good)}"
        self.ask(
            "record a fix",
            (
                Field("words", "What was done", hint="Rolled back checkout-api to 2026.01.27"),
                Field("sort", "Kind", choices=(
                    ("temporary", "Temporary — an action item for the permanent fix is made"),
                    ("permanent", "Permanent"),
                )),
                Field("rollback", "Rollback", hint="how to undo it"),
            ),
            lambda v: RecordFix(v["words"], v["sort"] == "temporary", v["rollback"]),
            about=about, form="fix",
        )  # fmt: skip

    async def do_action_item(self) -> None:
        today = self.bridge.now().astimezone(self.bridge.zone).date()
        self.ask(
            "add an action item",
            (
                Field("words", "What", hint="Alert on pool usage over 80 %"),
                Field("owner", "Owner", suggest=self._people(), hint="a name"),
                Field("due", "Due", (today + timedelta(days=14)).isoformat(), hint="2026-02-14"),
            ),
            lambda v: AddAction(v["words"], v["owner"], v["due"]),
            form="action",
        )

    async def do_finish_action(self) -> None:
        todo = tuple(
            (item.id, f"{item.id} {item.words}") for item in self.incident.actions.values() if not item.done_at
        )
        if not todo:
            self.bridge.say("No action item is open")
            return
        self.ask("finish an action item", (Field("action", "Done", choices=todo),),
                 lambda v: CompleteAction(v["action"]), verb="done")  # fmt: skip

    async def do_amend(self) -> None:
        row = self.incident.row(self.entry_under_cursor())
        if row is None:
            self.bridge.say("Put the cursor on a timeline entry first (2)", "warning")
            return
        zone, now = self.bridge.zone, self.bridge.now
        was = f"{row.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"

        def command(v: dict[str, str]) -> Command:
            at = None if v["at"].strip() == was else timing.read_moment(v["at"], now(), zone)
            return AmendEntry(row.seq, None if v["words"] == row.text else v["words"], at)

        self.ask(f"amend entry {row.seq}",
                 (Field("words", "Text", row.text, long=True), Field("at", "Time", was)), command,
                 verb="amend", about="The original stays in the journal.")  # fmt: skip

    async def do_retract(self) -> None:
        row = self.incident.row(self.entry_under_cursor())
        if row is None:
            self.bridge.say("Put the cursor on a timeline entry first (2)", "warning")
            return
        self.ask(f"retract entry {row.seq}", (Field("reason", "Why", hint="it was the wrong host"),),
                 lambda v: RetractEntry(row.seq, v["reason"]), verb="retract", about=row.text)  # fmt: skip

    async def do_milestone(self) -> None:
        zone, now = self.bridge.zone, self.bridge.now
        known = self.incident.milestones
        choices = tuple(
            (m, f"{m:<13} {known[m].astimezone(zone):%Y-%m-%d %H:%M:%S}" if m in known else m)
            for m in MILESTONES
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

    async def do_write(self) -> None:
        self.ask_section(SECTIONS[0])

    def ask_section(self, section: Section) -> None:
        """Write one section of the post-mortem, beginning at ``section``."""
        self.ask(
            "write the post-mortem",
            (
                Field("section", "Section", section, choices=tuple(
                    (name, name.replace("_", " ").capitalize()) for name in SECTIONS
                )),
                Field("words", "Text", self.incident.sections.get(section, ""), long=True,
                      hint="What and how, not who. The timeline tells the rest."),
            ),
            lambda v: WriteSection(cast(Section, v["section"]), v["words"]),
            form=f"section-{section}",
        )  # fmt: skip

    async def do_reopen(self) -> None:
        self.ask("reopen", (Field("reason", "What came back", hint="errors rise again on eu-1"),),
                 lambda v: Reopen(v["reason"]), verb="reopen")  # fmt: skip

    async def do_close(self) -> None:
        owed = decisions.close_blockers(self.incident, self.bridge.room.playbook)
        if not owed:
            await self.carry(Close())
            return
        about = "Still owed:\n" + "\n".join(f"  ○ {item}" for item in owed)
        self.ask("close", (Field("reason", "Close over these because", hint="moved to the team's board"),),
                 lambda v: Close(v["reason"]), verb="close", about=about)  # fmt: skip

