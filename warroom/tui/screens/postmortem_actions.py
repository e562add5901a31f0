"""What can be done about the post-mortem of an incident: write its sections, export it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from warroom.config.paths import shown
from warroom.errors import BadInput
from warroom.incident.commands import (
    WriteSection,
)
from warroom.incident.events import SECTIONS, Section
from warroom.incident.suggestions import AcceptSuggestion
from warroom.reports import postmortem, render
from warroom.reports.postmortem import PostMortem
from warroom.reports.suggestions import Suggestion
from warroom.room.exports import ExportEdited, write_export
from warroom.tui.screens.form_dialog import Field, Form
from warroom.tui.screens.incident_screen import IncidentScreen
from warroom.tui.widgets.text import section_title

SUFFIXES: dict[render.ExportFormat, str] = {"markdown": ".md", "html": ".html", "json": ".json"}
"""What an exported file is called behind the dot, by its format."""


ASKS: dict[Section, str] = {
    "summary": "What happened, who was affected for how long, and what ended it?",
    "root_cause": "Why did it happen? Ask why again until the answer is a design or a process.",
    "contributing_factors": "What made it more likely, larger or longer?",
    "users_affected": "Who, and how many? An estimate is fine; say what it is based on.",
    "business_impact": "Orders, revenue, service level, support requests: in figures where you have them.",
    "customer_impact": "What did they see, and what could they not do?",
    "went_well": "What made it shorter or smaller, and should stay?",
    "could_improve": "What cost time: to notice it, to find the cause, to help users, to tell people?",
    "lucky": "What could have made it worse, and did not by chance?",
}
"""What each section asks its author, as the templates of Google, PagerDuty and GitLab do."""

DRAFTED: frozenset[Section] = frozenset({"summary", "went_well", "could_improve"})
"""Sections whose form begins with their suggestions; those of the others are a start for them, not their text."""


class PostMortemActions(IncidentScreen):
    """A screen about one incident on which its post-mortem can be written."""

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
        written = self.incident.sections.keys() - set(todo)
        choices = tuple((name, f"{'✓' if name in written else '○'} {section_title(name)}") for name in SECTIONS)

        async def submit(values: dict[str, str]) -> None:
            self.ask_section(cast(Section, values["section"]))

        field = Field("section", "Which section", missing, choices=choices)
        self.app.push_screen(Form(f"{self.incident_id} · write the post-mortem", (field,), submit, verb="write"))

    def ask_section(self, section: Section) -> None:
        """Write one section of the post-mortem, beginning with the draft from the timeline if it is empty."""

        async def show() -> None:
            written = await self.context.run_or_notify(self.post_mortem)
            offered = written.suggestions.get(section, ()) if written else ()
            suggested = [one.text for one in offered]
            first = section not in self.incident.sections
            settles = tuple(one.key for one in offered) if first else ()
            about = f"{ASKS[section]}\nDescribe what and how, not who: roles, not names."
            words = self.incident.sections.get(section, "")
            if suggested and first and section in DRAFTED:
                words = suggested[0] if section == "summary" else "\n".join(f"- {line}" for line in suggested)
                about += "\nDrafted from the timeline. Edit it, or delete it to leave the section empty."
            elif suggested:
                about += "\nSuggested from the timeline:\n" + "\n".join(f"  · {line}" for line in suggested)
            self.ask(
                section_title(section).lower(),
                (Field("words", section_title(section), words, long=True, hint="In a few sentences."),),
                lambda v: WriteSection(section, v["words"], settles),
                about=about,
                form=f"section-{section}",
            )

        self.open(show)

    def edit_suggestion(self, one: Suggestion) -> None:
        """Ask for other words for a suggestion; saving takes them into its section."""
        self.ask(
            f"{section_title(one.section).lower()} · edit the suggestion",
            (Field("words", section_title(one.section), one.text, long=True),),
            lambda v: AcceptSuggestion(one.section, one.key, v["words"]),
            verb="accept",
            about="Describe what and how, not who: roles, not names.",
            form=f"suggestion-{one.key}",
        )

    def _ask_to_replace(self, edited: ExportEdited, form: render.ExportFormat) -> None:
        """Ask what to do about a file that people may have edited. Enter and Escape keep it."""
        room = self.context.room

        async def submit(values: dict[str, str]) -> None:
            path = edited.path if values["where"] == "replace" else edited.other

            def write() -> None:
                write_export(
                    room, path, render.to_format(self.post_mortem(), room.playbook, form), overwrite=edited.digest
                )

            await self.context.work(write)
            self.context.notify(f"Written to {shown(path.resolve())}")

        choices = (
            ("other", f"Keep it, and write {edited.other.name}"),
            ("replace", f"Replace {edited.path.name}: what was edited in it is lost"),
        )
        self.app.push_screen(
            Form(
                f"{self.incident_id} · export the post-mortem",
                (Field("where", f"{edited.title}.", "other", choices=choices),),
                submit,
                verb="write",
            )
        )

    async def do_export(self) -> None:
        room, incident_id = self.context.room, self.incident_id
        default = f"{incident_id}-postmortem.md"

        def write(form: render.ExportFormat, typed: str) -> Path:
            try:
                path = Path(typed.strip() or default).expanduser()
            except RuntimeError:
                raise BadInput(f"There is no such home folder: {typed}", "Give the path in full.") from None
            if path.name == default:  # left as it was: it follows the format
                path = path.with_suffix(SUFFIXES[form])
            if path.is_dir():
                path /= Path(default).with_suffix(SUFFIXES[form]).name
            write_export(room, path, render.to_format(self.post_mortem(), room.playbook, form))
            return path

        edited: list[tuple[ExportEdited, render.ExportFormat]] = []

        async def submit(values: dict[str, str]) -> None:
            form = cast(render.ExportFormat, values["form"])
            try:
                path = await self.context.work(lambda: write(form, values["path"]))
            except ExportEdited as error:
                edited.append((error, form))
            else:
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
            ),
            lambda _: self._ask_to_replace(*edited[0]) if edited else None,
        )
