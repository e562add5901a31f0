"""The composer: an update's fields, the exact text everybody will get, where it goes. Posts nothing itself."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from warroom.errors import BadInput, JustPosted, WarroomError
from warroom.incident import timing
from warroom.incident.advice import due_template
from warroom.incident.delivery import TEMPLATE_KINDS, Audience
from warroom.incident.incident import Incident
from warroom.incident.presence import composing
from warroom.reports.messages import maintenance_window
from warroom.room.snapshot import IncidentSnapshot, incident_snapshot
from warroom.room.updates import Preview
from warroom.safety import sanitize
from warroom.tui.context import ScreenContext
from warroom.tui.external_editor import EditorError, edit_text
from warroom.tui.feed import Updated
from warroom.tui.panes.headline import Headline, badge
from warroom.tui.panes.state import describe_presence
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.form_dialog import ChoiceInput, FieldArea, FieldInput
from warroom.tui.screens.form_screen import Draft, FormScreen, describe_error
from warroom.tui.screens.message_fields import (
    LISTS,
    LONG,
    READERS,
    RESOLVED,
    STATUSES,
    TIMES,
    caught_up,
    field_hint,
    field_label,
    rendered,
    time_hint,
)
from warroom.tui.widgets.audience_tabs import AudienceTabs
from warroom.tui.widgets.bars import Bar, Key, KeyBar
from warroom.tui.widgets.destinations import DestinationList
from warroom.tui.widgets.row_list import RowList
from warroom.tui.widgets.text import URGENCY_STYLE, URGENCY_WORD, block, join, literal

PREVIEW_S = 0.12
"""So long nothing may be typed before the preview is made anew."""


class PreviewText(VerticalScroll, can_focus=True):
    """A text to scroll through."""


class ComposerScreen(FormScreen):
    """Writes an update of an incident: to the team, customers or executives, or its resolution.

    ``template`` names what to begin with, "" the one that fits. What is typed is kept per template, at every
    pause; nothing goes out but by ``ctrl+s``. Fields that are ``given`` begin with that instead of a draft.
    """

    DEFAULT_CSS = """
    ComposerScreen #which-row { height: 1; padding: 0 1; }
    ComposerScreen #readers { width: auto; }
    ComposerScreen #body { layout: vertical; height: 1fr; }
    ComposerScreen #write { height: auto; max-height: 60%; border-top: solid $border-blurred; }
    ComposerScreen #shown { height: 1fr; }
    ComposerScreen #write, ComposerScreen #preview, ComposerScreen #goes {
        border-title-color: $text-primary; border-subtitle-color: $text-quiet; padding: 0 1;
        scrollbar-size-vertical: 1;
    }
    ComposerScreen #fields { height: auto; max-height: 1fr; scrollbar-size-vertical: 1; }
    ComposerScreen #preview { height: 1fr; min-height: 4; border-top: solid $border-blurred; }
    ComposerScreen #goes { height: auto; border-top: solid $border-blurred; }
    ComposerScreen #text { height: auto; }
    ComposerScreen #warnings { height: auto; max-height: 4; color: $text-warning; padding: 0 1; }
    ComposerScreen #problem { height: auto; color: $text-error; display: none; }
    ComposerScreen DestinationList { height: 1; }
    ComposerScreen .row { height: auto; }
    ComposerScreen .label { width: 14; color: $text-quiet; }
    ComposerScreen .-here .label { color: $key; text-style: bold; }
    ComposerScreen .hint { width: 1fr; height: 1; padding: 0 0 0 2; color: $text-quiet; }
    ComposerScreen Input, ComposerScreen Input:focus {
        border: none; height: 1; padding: 0 1; background: $surface;
    }
    ComposerScreen .row.-hinted Input { width: 20; }
    ComposerScreen TextArea, ComposerScreen TextArea:focus {
        border: none; height: 4; padding: 0 1; background: $surface; scrollbar-size-vertical: 1;
    }
    ComposerScreen TextArea.-two { height: 2; }
    ComposerScreen Input:focus, ComposerScreen TextArea:focus { background: $surface-quiet; }
    ComposerScreen .text-area--placeholder { color: $text-disabled; }
    ComposerScreen.-narrow.-reading #write { max-height: 5; }

    ComposerScreen.-wide #body { layout: horizontal; padding: 1 1 0 1; }
    ComposerScreen.-wide #which-row { margin-top: 1; }
    ComposerScreen.-wide #write {
        width: 1fr; height: 1fr; max-height: 100%; border: round $border-blurred; margin-right: 1;
    }
    ComposerScreen.-wide #shown { width: 1fr; }
    ComposerScreen.-wide #preview, ComposerScreen.-wide #goes { border: round $border-blurred; }
    ComposerScreen.-wide .row { margin-bottom: 1; }
    ComposerScreen.-wide .label { width: 21; }
    ComposerScreen.-wide #warnings { max-height: 10; padding: 0 2; }
    ComposerScreen.-wide TextArea.-two { height: 3; }
    ComposerScreen.-wide #write:focus-within, ComposerScreen.-wide #preview:focus,
    ComposerScreen.-wide #goes:focus-within { border: round $border; }
    ComposerScreen.-wide.-high TextArea.-tall { height: 10; }
    ComposerScreen.-public #write, ComposerScreen.-public #preview, ComposerScreen.-public #goes {
        border-top: solid $warning; border-title-color: $text-warning;
    }
    ComposerScreen.-wide.-public #write, ComposerScreen.-wide.-public #preview,
    ComposerScreen.-wide.-public #goes { border: round $warning; }
    """
    DOING = "composing an update"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 — Textual's own attribute
    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+e", "editor", "Editor", show=False, priority=True),
        Binding("ctrl+t", "other", "Switch audience", show=False, priority=True),
        Binding("ctrl+r", "rendered", "Rendered or raw", show=False, priority=True),
        Binding("ctrl+y", "copy", "Copy the text", show=False, priority=True),
    ]

    def __init__(
        self,
        context: ScreenContext,
        incident_id: str,
        template: str = "",
        *,
        given: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(context)
        self._given = given or {}
        self.incident_id = incident_id
        self.snapshot: IncidentSnapshot | None = None
        self.template = template
        self.shown: Preview | None = None
        """The preview that is on the screen."""
        self._fields: tuple[str, ...] = ()
        self._base: dict[str, str] = {}
        self._posts = 0
        self._generation = 0
        self._rendered = False  # whether the preview shows bold words instead of the marks around them
        self._armed = False
        """Whether the next ^s posts to customers."""

    # ── updates from the feed ─────────────────────────────────────────────────────────────────────────────

    @property
    def subject(self) -> Incident | None:
        return self.snapshot.incident if self.snapshot else None

    @property
    def incident(self) -> Incident:
        """The incident as last loaded; nothing is written before there is one."""
        assert self.snapshot is not None
        return self.snapshot.incident

    @property
    def audience(self) -> Audience:
        """Who will read it."""
        return self.context.room.playbook.templates[self.template].audience

    def on_mount(self) -> None:
        self.context.feed.watch(self, lambda: incident_snapshot(self.context.room, self.incident_id))
        self.query_one("#goes").border_title = Content("Send to")
        self.query_one("#preview").border_title = Content("Preview")

    async def on_unmount(self) -> None:
        self.context.feed.leave(self)

    def tick(self) -> None:
        if self.ready:
            self._show_hints()
            self._show_head()

    def on_updated(self, event: Updated[IncidentSnapshot]) -> None:
        before, self.snapshot = self.snapshot, event.value
        if before is None:
            names = [name for name, _ in self._choices()]
            self._begin(self.template or names[0])
        elif before.incident.version == event.value.incident.version:
            self._show_warnings()  # somebody else may have begun to write; otherwise nothing that is written here
            return
        else:
            self._show_warnings()
            self.start(self._freshen, "freshen")
        self._show_head()
        self._show_keys()

    def _choices(self) -> list[tuple[str, str]]:
        """What is worth writing now: template and word, the likeliest first."""
        incident, templates = self.incident, self.context.room.playbook.templates
        audiences: list[tuple[Audience, str]] = [
            ("team", "Update" if incident.open else "Resolution"),
            ("customers", "Customers"),
            ("executives", "Executives"),
        ]
        wanted = [(due_template(incident, audience), word) for audience, word in audiences]
        if not incident.open:
            wanted.append(("update", "Update"))
        wanted.append(("customer_maintenance", "Maintenance"))
        if self.template in templates and self.template not in (name for name, _ in wanted):
            wanted.append((self.template, templates[self.template].title))
        return [(name, word) for name, word in wanted if name in templates and name in TEMPLATE_KINDS]

    # ── the screen ────────────────────────────────────────────────────────────────────────────────────────

    def compose(self) -> ComposeResult:
        yield Headline(id="head")
        with Horizontal(id="which-row"):
            yield AudienceTabs(id="which")
            yield Static("", id="readers", markup=False)
        with Container(id="body"):
            with Vertical(id="write"):
                yield VerticalScroll(id="fields", can_focus=False)
                yield Static("", id="problem", markup=False)
            with Vertical(id="shown"):
                with PreviewText(id="preview"):
                    yield Static("", id="text", markup=False)
                yield Static("", id="warnings", markup=False)
                with Vertical(id="goes"):
                    yield DestinationList(id="destinations")
                    yield Static("", id="nowhere", markup=False)
        yield KeyBar()

    def _begin(self, template: str) -> None:
        self.start(partial(self._load, template), "load")

    async def _load(self, template: str) -> None:
        """Put the fields of ``template`` on the screen: as they were left, or as drafted."""
        room = self.context.room
        if template not in room.playbook.templates:
            self.has_problem = True
            self.context.notify(f"The playbook has no template {template}", "error")
            return
        if self.draft:
            await self.draft.save()
        self.ready = self._armed = False
        drafted = await self.context.run_or_notify(lambda: room.draft_update(self.incident_id, template))
        if drafted is None:
            self.has_problem = True
            return
        draft = Draft(self.context, self.incident_id, template)
        kept = await draft.load()
        self.template, self.draft, self.shown = template, draft, None
        self._base, self._fields = drafted, tuple(drafted)
        self._posts = self._posted()
        typed = {name: kept[f"field.{name}"] for name in drafted if f"field.{name}" in kept}
        given = {name: text for name, text in self._given.items() if name in drafted}
        values = {**drafted, **typed, **given}
        self._given = {}
        for name in LISTS:
            if name in typed and name not in given:
                values[name] = caught_up(typed[name], kept.get(f"base.{name}", ""), drafted[name])
        fields = self.query_one("#fields", VerticalScroll)
        await fields.remove_children()
        await fields.mount(*(self._row(name, values[name]) for name in drafted), *self._approval(kept))
        where = self.query_one(DestinationList)
        where.names = room.updates.takers(self.incident, template)
        where.off = {name for name in kept.get("off", "").split("\n") if name in where.names}
        where.styles.height = min(max(1, len(where.names)), 6 if self.has_class("-wide") else 3)
        where.display = bool(where.names)
        where.draw({})
        self._show_head()
        self._show_nowhere()
        self.complain("")
        self.ready = True
        for area in fields.query(FieldArea):
            area.move_cursor(area.document.end)
        first = fields.query("Input, TextArea").first()
        first.focus()
        self._show_hints()
        self._show_keys()
        self._preview_soon()

    def _row(self, name: str, value: str) -> Widget:
        label = Static(field_label(name), id=f"label-{name}", classes="label", markup=False)
        if name in LONG or "\n" in value:
            area = FieldArea(value, id=f"field-{name}", placeholder=field_hint(name))
            area.add_class("-two" if name in ("impact", "timeline") else "-tall" if name == "actions" else "-some")
            return Horizontal(label, area, classes="row")
        if name == "status":
            choices = RESOLVED if self.template == "resolution" else STATUSES
            hint = Bar(id="hint-status", classes="hint")
            hint.set_content(literal("↑↓ choose", "$text-quiet"))
            choice = ChoiceInput(literal(value).plain, choices, id=f"field-{name}")
            return Horizontal(label, choice, hint, classes="row -hinted")
        field = FieldInput(
            literal(value).plain, id=f"field-{name}", placeholder=field_hint(name), select_on_focus=False
        )
        if name not in TIMES:
            return Horizontal(label, field, classes="row")
        return Horizontal(label, field, Bar(id=f"hint-{name}", classes="hint"), classes="row -hinted")

    def _label_impact(self) -> None:
        """Name the impact in the tense of the text: it follows the status that is chosen."""
        if not self.query("#label-impact"):
            return
        chosen = self._text("status").strip().casefold().startswith(("mitigated", "resolved"))
        past = chosen or self.incident.impact_ended or self.template == "resolution"
        past = past and self.template != "customer_maintenance"
        self.query_one("#label-impact", Static).update("Impact was" if past else field_label("impact"))

    def _approval(self, kept: Mapping[str, str]) -> list[Widget]:
        """The commander's ok, for words that the public reads."""
        if self.audience != "customers":
            return []
        leader = self.incident.commander
        if leader and leader == self.context.room.by:
            return []  # who leads approves by sending twice
        people = [leader] if leader else self.context.room.people()
        field = FieldInput(
            literal(kept.get("approved", "")).plain,
            id="field-approved",
            select_on_focus=False,
            placeholder=f"{leader}, once asked" if leader else "assign an incident commander first",
            suggester=SuggestFromList(people, case_sensitive=False),
        )
        hint = Bar(id="hint-approved", classes="hint")
        words = f"ask {leader}, then name them" if leader else "nobody leads yet"
        hint.set_content(literal(words, "$text-warning"))
        label = Static("Approved by", classes="label", markup=False)
        return [Horizontal(label, field, hint, classes="row -hinted")]

    # ── what is written ───────────────────────────────────────────────────────────────────────────────────

    def _field(self, name: str) -> Input | TextArea | None:
        found = self.query(f"#field-{name}").first() if self.query(f"#field-{name}") else None
        return found if isinstance(found, Input | TextArea) else None

    def _text(self, name: str) -> str:
        field = self._field(name)
        return field.text if isinstance(field, TextArea) else field.value if field else ""

    @property
    def values(self) -> dict[str, str]:
        """The template's fields as they are."""
        return {name: self._text(name) for name in self._fields}

    def written(self) -> Mapping[str, str]:
        changed = {name: text for name, text in self.values.items() if text != self._base[name]}
        off = sorted(self.query_one(DestinationList).off)
        approved = self._text("approved")
        if not changed and not off and not approved:
            return {}
        # The draft it began with shows, on coming back, what has happened since.
        base = {f"base.{name}": self._base[name] for name in changed if name in LISTS}
        typed = {f"field.{name}": text for name, text in changed.items()}
        return {**typed, **base, "off": "\n".join(off), "approved": approved}

    def _posted(self) -> int:
        """The number of the last update to this audience, 0 for none."""
        to_them = [post.number for post in self.incident.posts if post.update.audience == self.audience]
        return to_them[-1] if to_them else 0

    async def _freshen(self) -> None:
        """The incident changed: fields that were not edited follow it, the others stay as they are."""
        template = self.template
        room = self.context.room
        drafted = await self.context.run_or_notify(lambda: room.draft_update(self.incident_id, template))
        if drafted is None or not self.ready or self.busy or template != self.template:
            return
        for name, text in drafted.items():
            field = self._field(name)
            if name in TIMES or field is None or field.has_focus or self._text(name) != self._base.get(name):
                continue  # a proposed time stays put under the eyes of who reads it
            self._base[name] = text
            if isinstance(field, TextArea):
                field.load_text(sanitize(text))
            else:
                field.value = literal(text).plain
        self._preview_soon()

    # ── the preview ───────────────────────────────────────────────────────────────────────────────────────

    def _preview_soon(self) -> None:
        self._generation += 1
        self.start(partial(self._preview, self._generation), "preview")

    async def _preview(self, generation: int) -> None:
        await asyncio.sleep(PREVIEW_S)
        room, template, given = self.context.room, self.template, self.values
        preview: Preview | None = None
        error: WarroomError | None = None
        try:
            preview = await self.context.work(lambda: room.preview_update(self.incident_id, template, given))
        except WarroomError as wrong:
            error = wrong
        if generation == self._generation and self.is_attached:  # what was asked later may have come sooner
            self._show_preview(preview, error)

    def _show_preview(self, preview: Preview | None, error: WarroomError | None = None) -> None:
        self.shown = preview
        copies = {copy.destination: copy for copy in preview.copies} if preview else {}
        where = self.query_one(DestinationList)
        where.draw(copies)
        copy = copies.get(where.cursor_id) or next(iter(copies.values()), None)
        box, text = self.query_one("#preview"), self.query_one("#text", Static)
        if error:
            box.border_title = Content("Preview")
            text.update(block(describe_error(error), "$text-error"))
        elif preview:
            name = copy.destination if copy else "not posted anywhere"
            look = "rendered, ^r raw" if self._rendered else "raw, ^r rendered"
            box.border_title = literal(f"Preview · {name} · {look}")
            shown = copy.text if copy else preview.message.text
            text.update(rendered(shown) if self._rendered else block(shown))
        self._show_warnings()

    def _show_warnings(self) -> None:
        lines = list(self.shown.warnings) if self.shown else []
        if self.ready and self._posted() > self._posts:
            last = [post for post in self.incident.posts if post.update.audience == self.audience][-1]
            at = f"{last.at.astimezone(self.context.zone):%H:%M:%S}"
            lines.insert(0, f"{last.by} posted update #{last.number} at {at}, while you were writing")
        now = self.context.now()
        for other in composing(self.snapshot.others) if self.snapshot else ():
            lines.insert(0, f"{describe_presence(other, now)}: agree who sends")
        where = self.query_one(DestinationList)
        if where.names and not where.ticked:
            lines.append("Not sent: no destination is selected")
        warnings = self.query_one("#warnings", Static)
        warnings.display = bool(lines)
        warnings.update(block("\n".join(f"⚠ {line}" for line in lines)))

    # ── header, hints and keys ────────────────────────────────────────────────────────────────────────────

    def _show_head(self) -> None:
        incident, playbook = self.incident, self.context.room.playbook
        severity = badge(incident.severity, incident.status, playbook)
        drill = Content.styled(" DRILL ", "$status-late-text on $status-late bold") if incident.drill else None
        leads = (
            literal(f"IC {incident.commander.partition(' ')[0]}", "bold")
            if incident.commander
            else (Content.styled(" no commander ", "bold reverse"))
        )
        audience = self.audience if self.template in playbook.templates else "team"
        due = timing.next_update(incident, playbook, self.context.now(), audience)
        if due:
            time = timing.format_duration(due.distance)
            words = f"update in {time}" if due.left_s > 0 else f"update {time} {URGENCY_WORD[due.urgency]}"
            leads = join(literal(words, URGENCY_STYLE[due.urgency]), leads, gap="  ")
        was = "impact was: " if incident.impact_ended else ""
        what = literal(f"{incident.service} · {was}{incident.impact}")
        badge_cells = severity.cell_length + (drill.cell_length + 2 if drill else 0)
        room = max(0, self.size.width - 2 - badge_cells - len(incident.id) - leads.cell_length - 6)
        what = what.truncate(room, ellipsis=True)
        left = join(
            severity, drill, literal(incident.id, "bold"), what.pad_right(room - what.cell_length), gap="  "
        )
        head = self.query_one("#head", Headline)
        head.set_content(join(left, leads, gap="  "))
        head.colour(incident, playbook)
        if self.template in playbook.templates:
            public = self.audience == "customers"
            self.set_class(public, "-public")
            self.query_one(AudienceTabs).show(self._choices(), self.template)
            self.query_one("#readers", Static).update(
                Content.styled(" PUBLIC · sent to customers ", "$status-late-text on $status-late bold")
                if public
                else Content.styled(f" internal · {READERS[self.audience]} ", "$chip-text on $chip")
            )
            title = playbook.templates[self.template].title
            self.query_one("#write").border_title = literal(title)
            self.query_one("#write").border_subtitle = literal(f"update #{len(incident.posts) + 1}")

    def _show_nowhere(self) -> None:
        static = self.query_one("#nowhere", Static)
        static.display = not self.query_one(DestinationList).names
        reach = "in a drill " if self.incident.drill else ""
        static.update(
            Content.styled(
                f"No destination takes messages to {READERS[self.audience]} {reach}(settings: audiences). "
                "^y copies the text so that you can post it yourself, ^s records it.",
                "$text-warning",
            )
        )

    def _show_keys(self) -> None:
        where = self.query_one(DestinationList).ticked
        word = f"post to {', '.join(where)}" if self._armed else "send" if where else "record"
        keys = [
            Key("^s", word, "send", self.ready),
            Key("^e", "editor", "editor"),
            Key("^y", "copy", "copy"),
            Key("^t", "switch audience", "other"),
            Key("tab", "next", "app.focus_next"),
            Key("esc", "save draft", "back"),
        ]
        self.query_one(KeyBar).show(keys)

    def _show_hints(self) -> None:
        if not self.ready:
            return
        now, zone = self.context.now(), self.context.zone
        for name in TIMES:
            if found := self.query(f"#hint-{name}"):
                since = maintenance_window(self.values, now, zone)[0] if name == "window_end" else None
                hint = time_hint(name, self._text(name), self.audience, now, zone, since)
                found.first(Bar).set_content(hint)
        self._label_impact()

    def complain(self, text: str) -> None:
        problem = self.query_one("#problem", Static)
        problem.display = bool(text)
        problem.update(block(text))

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    def on_input_changed(self, event: Input.Changed) -> None:
        self._changed()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._changed()

    def _changed(self) -> None:
        if self.ready:
            self._disarm()
            self._show_hints()
            self.keep()
            self._preview_soon()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.focus_next()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for row in self.query(".row"):
            row.set_class(event.widget in row.walk_children(), "-here")
        self.set_class(event.widget.id == "preview", "-reading")

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self._show_preview(self.shown)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self._disarm()
        self.query_one(DestinationList).toggle(event.row_id)
        self._show_warnings()
        self._show_keys()
        self.keep()

    def on_audience_tabs_chosen(self, event: AudienceTabs.Chosen) -> None:
        if not self.busy:
            self._begin(event.name)

    def action_other(self) -> None:
        """Write something else: to customers, executives …"""
        self.query_one(AudienceTabs).action_step(1)

    def action_rendered(self) -> None:
        """Show the preview as people will read it, or as it is sent."""
        self._rendered = not self._rendered
        self._show_preview(self.shown)

    def action_copy(self) -> None:
        """The text, as it would be posted, to the clipboard."""
        preview = self.shown
        if preview is None:
            self.context.notify("There is no text to copy yet", "warning")
            return
        name = self.query_one(DestinationList).cursor_id
        copy = next((copy for copy in preview.copies if copy.destination == name), None)
        self.app.copy_to_clipboard(sanitize(copy.text if copy else preview.message.text))
        self.context.notify("Copied to the clipboard, if your terminal allows it")

    def action_send(self) -> None:
        """Post it; to customers only at the second press in a row. Rejected, everything stays as it is."""
        if not self.ready or self.busy:
            return
        where = self.query_one(DestinationList).ticked
        approval = self._field("approved")
        lacks_approval = approval is not None and not self._text("approved").strip()  # which is said at once
        if self.audience == "customers" and where and not self._armed and not lacks_approval:
            self._armed = True
            self.complain(f"PUBLIC: customers will read this on {', '.join(where)}.\n^s again posts it.")
            self._show_keys()
            return
        self._disarm()
        self.busy = True
        self.start(self._send)

    def _disarm(self) -> None:
        """Take the first press back: what is sent must be what was seen then."""
        if self._armed:
            self._armed = False
            self.complain("")
            self._show_keys()

    async def _send(self, seen: int = 0) -> None:
        room, template, values = self.context.room, self.template, self.values
        where, approved = self.query_one(DestinationList).ticked, self._text("approved").strip()
        try:
            done = await self.context.work(
                lambda: room.post_update(
                    self.incident_id, template, values, destinations=where, approved_by=approved, seen=seen
                )
            )
        except JustPosted as error:
            self._ask_to_post_as_well(error)
            return
        except WarroomError as error:
            self.busy = False
            self.reject(error)
            wrong = error.field or ("next_update" if isinstance(error, BadInput) else "")
            if field := self._field(wrong) if wrong else None:
                field.focus()
            return
        if self.draft:
            await self.draft.forget()
        number = done.incident.posts[-1].number
        way = f"is on its way to {', '.join(where)}" if where else "is recorded; it was not posted anywhere"
        self.context.notify(f"{self.incident_id}·u{number} {way}")
        self.leave()

    def _ask_to_post_as_well(self, error: JustPosted) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.start(partial(self._send, seen=error.number))
            else:
                self.busy = False

        question = Confirm(
            f"{self.incident_id} · post an update",
            "Post yours too?",
            about=error.title,
            no="No, back to my text",
            yes="Yes, post mine too",
        )
        self.app.push_screen(question, answered)

    async def do_update(self) -> None:
        """This is where updates are posted."""
        self.context.notify("You are writing one; ^s sends it")

    # ── the editor ────────────────────────────────────────────────────────────────────────────────────────

    def action_editor(self) -> None:
        """The long field in the person's own editor."""
        editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
        areas = list(self.query(FieldArea))
        field = self.focused if isinstance(self.focused, FieldInput | FieldArea) else None
        field = (
            field
            if isinstance(field, FieldArea) or not areas
            else next((area for area in areas if not area.has_class("-two")), areas[0])
        )
        if not editor:
            self.context.notify("EDITOR is not set. Set it, for example EDITOR=nano", "warning")
        elif isinstance(field, FieldArea):
            self._edit(editor, field)

    @work(exclusive=True, group="editor")
    async def _edit(self, editor: list[str], field: FieldArea) -> None:
        if self.draft:
            await self.draft.save()
        before = field.text
        name = f"{self.incident_id}-{(field.id or '').removeprefix('field-')}"
        try:
            after = await edit_text(self.app, editor, before, name)
        except EditorError as error:
            self.context.notify(str(error), "error")
        else:
            if field.is_attached and after != before.rstrip("\n"):
                field.load_text(sanitize(after))
                field.move_cursor(field.document.end)
        field.focus()
