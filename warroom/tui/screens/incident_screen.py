"""What can be done to an incident, as forms: the base of every screen that is about one. Lays nothing out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar, cast
from uuid import UUID

from textual.binding import BindingType

from warroom.config.paths import shown, write_atomically
from warroom.errors import BadInput, Refusal
from warroom.incident import commands as decisions
from warroom.incident import timing
from warroom.incident.advice import NextStep
from warroom.incident.commands import (
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
from warroom.incident.readings import ERRORS, Reading
from warroom.reports import postmortem, render
from warroom.reports.postmortem import PostMortem
from warroom.room.snapshot import IncidentSnapshot, incident_snapshot
from warroom.tui.actions import BY_ID, bindings, key_of
from warroom.tui.context import ScreenContext
from warroom.tui.feed import Updated
from warroom.tui.panes.pane import ListPane, Pane, PaneInput
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.form_dialog import Field, Form
from warroom.tui.screens.form_screen import Draft
from warroom.tui.screens.next_step_screen import NextScreen
from warroom.tui.widgets.row_list import RowList
from warroom.tui.widgets.text import section_title

NOBODY = "‹nobody›"

SUFFIXES: dict[render.ExportFormat, str] = {"markdown": ".md", "html": ".html", "json": ".json"}
"""What an exported file is called behind the dot, by its format."""


class IncidentScreen(NextScreen):
    """A screen about one incident. Subclasses draw it in ``show_snapshot`` and return where the cursor is."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("incident")]
    LIST_PANES: ClassVar[tuple[ListPane, ...]] = ()
    """The panes of rows, in the order they are filled."""
    LISTS: ClassVar[Mapping[str, str]] = {"check": "items", "assign": "people", "hand_over": "people"}
    """The list, by its id, whose row under the cursor an action is done to while that list has the focus."""

    def __init__(self, context: ScreenContext, incident_id: str) -> None:
        super().__init__(context)
        self.incident_id = incident_id
        self.snapshot: IncidentSnapshot | None = None

    # ── updates from the feed ─────────────────────────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        self.context.feed.watch(self, lambda: incident_snapshot(self.context.room, self.incident_id))

    def on_unmount(self) -> None:
        self.context.feed.leave(self)

    @property
    def loaded(self) -> bool:
        return self.snapshot is not None

    def on_updated(self, event: Updated[IncidentSnapshot]) -> None:
        if self.snapshot is not None and event.value.incident.version < self.snapshot.incident.version:
            return  # read before something that is shown already; the feed is about to bring that too
        self.snapshot = event.value
        if not self.covered:
            self._show()

    def on_screen_resume(self) -> None:
        if self.snapshot:
            self._show()

    def _show(self) -> None:
        assert self.snapshot is not None
        self.show_snapshot(self.snapshot)
        self.show_keys()

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        """Draw the incident as it is now."""
        raise NotImplementedError

    def show_panes(self, *, each_second: bool = False) -> None:
        """Fill the panes of rows; with ``each_second`` only those whose rows depend on the time of day."""
        if self.snapshot is None or not self.is_attached:
            return
        now, zone, keys = self.context.now(), self.context.zone, self.context.keys
        for pane in self.LIST_PANES:
            if each_second and not pane.each_second:
                continue
            rows = self.query_one(f"#{pane.list_id}", RowList)
            given = PaneInput(self.snapshot, now, zone, keys, rows.content_size.width)
            rows.show(pane.rows(given))
            self.query_one(f"#{pane.id}", Pane).show_detail(pane.detail(given))

    async def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        # A method of its own: Textual calls the handlers of every base class as well.
        await self.choose_row(event)

    async def choose_row(self, event: RowList.Chosen) -> None:
        """Enter does the action of the pane to the row under the cursor, or shows the entry in full."""
        pane = next((pane for pane in self.LIST_PANES if pane.list_id == event.rows.id), None)
        if pane and pane.choose:
            await self.action_do(pane.choose)
        elif pane and (entry := entry_of(event.row_id)):
            self.show_entry(entry)

    @property
    def subject(self) -> Incident | None:
        return self.snapshot.incident if self.snapshot else None

    @property
    def incident(self) -> Incident:
        """The incident as last loaded; actions run only once there is one."""
        assert self.snapshot is not None
        return self.snapshot.incident

    async def action_do(self, action_id: str, target: str = "") -> None:
        if self.snapshot is None and BY_ID[action_id].place == "incident":
            self.context.notify(f"{self.incident_id} is not loaded yet", "warning")
        else:
            await super().action_do(action_id, target)

    def find_steps(self) -> Sequence[NextStep]:
        if self.snapshot is None:
            return ()
        return self.snapshot.next_steps(self.context.now())

    def before(self, step: NextStep) -> Confirm | None:
        if step.action != "close":
            return None
        return Confirm(f"{self.incident_id} · close", step.text, yes="Yes, close it", no="No, leave it resolved")

    # ── where the cursor is; subclasses with such rows override these ─────────────────────────────────────

    def target_of(self, action_id: str) -> str:
        name = self.LISTS.get(action_id, "")
        rows = self.query_one(f"#{name}", RowList) if name and self.query(f"#{name}") else None
        if rows is None or self.focused is not rows:
            return super().target_of(action_id)
        return self.target_in(rows)

    def target_in(self, rows: RowList) -> str:
        """The target of the row under the cursor of a list; "" for nothing that can be acted on."""
        return rows.cursor_id

    def entry_under_cursor(self) -> UUID | None:
        """The timeline entry that amending and retracting act on."""
        return None

    def action_under_cursor(self) -> str:
        """The action item that finishing means."""
        return ""

    def evidence(self, item_id: str) -> Reading | None:
        """What is measured about a checklist item now, here or else by another console; None if nothing is."""
        if self.snapshot is None:
            return None
        live = self.context.logs.observe(self.incident_id)
        snapshot = replace(self.snapshot, observation=live) if live else self.snapshot
        reading = snapshot.reading(item_id, self.context.now())
        if reading is None and self.context.room.playbook.item(item_id).probe == ERRORS:
            return Reading("no log is watched")
        return reading

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

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    async def run_command(self, command: Command) -> bool:
        """Execute a command; show why if it is refused. True if it was executed."""
        done = await self.context.run_or_notify(lambda: self.context.room.execute(self.incident_id, command))
        if done is not None:
            self.took_effect(done.incident)
        return done is not None

    def took_effect(self, incident: Incident) -> None:
        """Show what was just done before the feed brings it: the next key must not act on what was before."""
        if self.snapshot is not None and incident.version > self.snapshot.incident.version:
            self.snapshot = replace(self.snapshot, incident=incident)
            if not self.covered:
                self._show()

    def ask(
        self,
        title: str,
        fields: Sequence[Field],
        command: Callable[[dict[str, str]], Command],
        *,
        verb: str = "save",
        about: str = "",
        form: str = "",
    ) -> None:
        """A form whose values make a command. With ``form`` its draft survives leaving it, and a kill."""
        room, incident_id = self.context.room, self.incident_id

        async def submit(values: dict[str, str]) -> None:
            made = command(values)
            self.took_effect((await self.context.work(lambda: room.execute(incident_id, made))).incident)

        async def show() -> None:
            draft = Draft(self.context, incident_id, form) if form else None
            kept = await draft.load() if draft else {}
            await self.app.push_screen(
                Form(f"{incident_id} · {title}", fields, submit, verb=verb, about=about, draft=draft, kept=kept)
            )

        self.open(show)

    def open(self, show: Callable[[], Awaitable[None]]) -> None:
        """Run ``show``, which puts another screen on this one. Until it is there no key means a command."""

        async def opening() -> None:
            try:
                await show()
            finally:
                self.opening -= 1

        self.opening += 1
        self.start(opening)

    def _people(self) -> tuple[str, ...]:
        return tuple(self.context.room.people())

    async def do_acknowledge(self) -> None:
        await self.run_command(Acknowledge())

    async def do_note(self) -> None:
        kinds = (
            ("note", "Note"),
            ("finding", "Finding — what we know"),
            ("hypothesis", "Hypothesis — what we suspect"),
            ("decision", "Decision — and why"),
            ("change", "Change — and how to undo it"),
        )
        self.ask(
            "add note",
            (
                Field("words", "What", long=True, hint="Connection pool exhausted on eu-1"),
                Field("note", "Kind", choices=kinds),
                Field("because", "Because (decisions)", hint="why this and not something else"),
                Field("rollback", "Rollback (changes need one)", hint="how to undo it"),
            ),
            lambda v: Note(v["words"], cast(NoteKind, v["note"]), v["because"], v["rollback"]),
            form="note",
        )

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

        about = "\n".join(f"{role.title}: {', '.join(role.responsibilities)}" for role in playbook.roles)
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
        elif tick is None:
            if (reading := self.evidence(item)) and reading.against:
                self.tick_over(item, reading)
            else:
                await self._tick(Check(item))
        else:
            at = f"{tick.at.astimezone(self.context.zone):%H:%M}"
            how = f"by {tick.by}" if tick.by else "automatically"
            question = Confirm(
                f"{self.incident_id} · untick",
                f"Untick “{self.context.room.playbook.item(item).text}”?",
                about=f"Ticked {how} at {at}. The timeline records the change.",
                no="No, leave it ticked",
                yes="Yes, untick it",
            )

            def answered(yes: bool | None) -> None:
                if yes:
                    self.start(partial(self._untick, item))

            self.app.push_screen(question, answered)

    async def _tick(self, check: Check) -> None:
        if await self.run_command(check):  # the cursor goes on to what is to be done next
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

    async def do_fix(self) -> None:
        strategy = self.context.room.playbook.fix_strategy
        at_once, for_good = strategy.immediate_actions, strategy.permanent_solution
        about = f"Immediate: {' '.join(at_once)}\nPermanent: {' '.join(for_good)}"
        self.ask(
            "record a fix",
            (
                Field("words", "Fix applied", hint="Rolled back checkout-api to 2026.01.27"),
                Field(
                    "sort",
                    "Kind",
                    choices=(
                        ("temporary", "Temporary — adds an action item for the permanent fix"),
                        ("permanent", "Permanent"),
                    ),
                ),
                Field("rollback", "Rollback", hint="how to undo it"),
            ),
            lambda v: RecordFix(v["words"], v["sort"] == "temporary", v["rollback"]),
            about=about,
            form="fix",
        )

    async def do_action_item(self) -> None:
        today = self.context.now().astimezone(self.context.zone).date()
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
            self.context.notify("No action item is open")
            return
        wanted = self.action_under_cursor()
        value = wanted if wanted in dict(todo) else todo[0][0]
        self.ask(
            "finish an action item",
            (Field("action", "Done", value, choices=todo),),
            lambda v: CompleteAction(v["action"]),
            verb="done",
        )

    async def do_amend(self) -> None:
        entry = self.entry_under_cursor()
        row = self.incident.row(entry) if entry else None
        if row is None:
            self.context.notify(
                self.context.with_keys("Put the cursor on a timeline entry first ({pane_timeline})"),
                "warning",
            )
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
        entry = self.entry_under_cursor()
        row = self.incident.row(entry) if entry else None
        if row is None:
            self.context.notify(
                self.context.with_keys("Put the cursor on a timeline entry first ({pane_timeline})"),
                "warning",
            )
            return
        self.ask(
            f"retract entry {row.number}",
            (Field("reason", "Why", hint="it was the wrong host"),),
            lambda v: RetractEntry(str(row.id), v["reason"]),
            verb="retract",
            about=row.text,
        )

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

    def show_entry(self, entry: UUID) -> None:
        """A timeline entry in full: when, what, and how it was first written."""
        row = self.incident.row(entry)
        if row is None:
            return
        at = f"{row.at.astimezone(self.context.zone):%Y-%m-%d %H:%M:%S %Z} ({row.at:%H:%M:%S} UTC)"
        state = "\n\nRetracted." if row.retracted else ""
        first = f"\n\nAs first written, {row.entry.at:%H:%M:%S} UTC:\n{row.original}" if row.amended else ""
        title = f"{row.number} · {row.kind} · {row.by}".rstrip(" ·")
        self.app.push_screen(Detail(title, f"{at}\n\n{row.text}{state}{first}"))

    # ── the post-mortem ───────────────────────────────────────────────────────────────────────────────────

    def post_mortem(self) -> PostMortem:
        """The post-mortem as it would be written now. Takes a while: call it off the loop."""
        room, incident = self.context.room, self.incident
        return postmortem.build(incident, room.playbook, room.deliveries(incident.id), room.clock(), room.zone)

    async def do_write(self, section: str = "") -> None:
        """Which section, then its words: a form of its own each, so that no text lands under another title."""
        if section in SECTIONS:
            self.ask_section(section)
            return
        todo = self.incident.unwritten
        missing = todo[0] if todo else SECTIONS[0]
        choices = tuple((name, f"{'○' if name in todo else '✓'} {section_title(name)}") for name in SECTIONS)

        async def submit(values: dict[str, str]) -> None:
            self.ask_section(cast(Section, values["section"]))

        field = Field("section", "Which section", missing, choices=choices)
        self.app.push_screen(Form(f"{self.incident_id} · write the post-mortem", (field,), submit, verb="write"))

    def ask_section(self, section: Section) -> None:
        """Write one section of the post-mortem, beginning with the draft from the timeline if it is empty."""

        async def show() -> None:
            written = await self.context.run_or_notify(self.post_mortem)
            part = getattr(written, section, None)
            suggested = part.suggestions if isinstance(part, postmortem.PostMortemSection) else ()
            about = "Describe what and how, not who: roles, not names."
            words = self.incident.sections.get(section, "")
            if suggested and section == "root_cause":  # findings are a start for it, not its text
                about += "\nFrom the timeline:\n" + "\n".join(f"  · {line}" for line in suggested)
            elif suggested:
                words = suggested[0] if section == "summary" else "\n".join(f"- {line}" for line in suggested)
                about += "\nDrafted from the timeline. Edit it, or delete it to leave the section empty."
            self.ask(
                section_title(section).lower(),
                (Field("words", section_title(section), words, long=True, hint="In a few sentences."),),
                lambda v: WriteSection(section, v["words"]),
                about=about,
                form=f"section-{section}",
            )

        self.open(show)

    async def do_export(self) -> None:
        room, incident_id = self.context.room, self.incident_id
        default = f"{incident_id}-postmortem.md"
        asked: set[Path] = set()

        def write(form: render.ExportFormat, typed: str) -> Path:
            try:
                path = Path(typed.strip() or default).expanduser()
            except RuntimeError:
                raise BadInput(f"There is no such home folder: {typed}", "Give the path in full.") from None
            if path.name == default:  # left as it was: it follows the format
                path = path.with_suffix(SUFFIXES[form])
            if path.is_dir():
                path /= Path(default).with_suffix(SUFFIXES[form]).name
            if path.exists() and path not in asked:
                asked.add(path)
                raise Refusal(f"{shown(path)} exists already", "Save again to replace it, or choose another name.")
            written = self.post_mortem()
            if form == "json":
                text = render.to_json(written)
            else:
                text = render.to_markdown(written, room.playbook)
                text = render.to_html(text, f"{written.id} {written.title}") if form == "html" else text
            write_atomically(path, text)
            return path

        async def submit(values: dict[str, str]) -> None:
            path = await self.context.work(lambda: write(cast(render.ExportFormat, values["form"]), values["path"]))
            self.context.notify(f"Written to {shown(path.resolve())}")

        formats = (
            ("markdown", "Markdown — for a wiki or a repository"),
            ("html", "HTML — a page to print or send"),
            ("json", "JSON — for programs"),
        )
        self.app.push_screen(
            Form(
                f"{incident_id} · export the post-mortem",
                (Field("form", "Format", "markdown", choices=formats), Field("path", "File", default)),
                submit,
                verb="write",
                about=f"Secrets are masked and names become roles. Written to {shown(Path.cwd())} "
                "unless you name a folder; only you can read the file.",
            )
        )

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def do_reopen(self) -> None:
        self.ask(
            "reopen",
            (Field("reason", "Why", hint="errors rise again on eu-1"),),
            lambda v: Reopen(v["reason"]),
            verb="reopen",
        )

    async def do_close(self) -> None:
        owed = decisions.close_blockers(self.incident, self.context.room.playbook)
        if not owed:
            await self.run_command(Close())
            return
        about = "Outstanding:\n" + "\n".join(f"  ○ {item}" for item in owed)
        self.ask(
            "close",
            (Field("reason", "Close anyway — reason", hint="moved to the team's board"),),
            lambda v: Close(v["reason"]),
            verb="close",
            about=about,
        )


def _span(minutes: float) -> str:
    return timing.format_duration(timedelta(minutes=minutes))


def entry_of(row_id: str) -> UUID | None:
    """Return the entry that a row of the timeline shows; None for a row without one."""
    return UUID(row_id) if row_id else None
