"""What can be done about the post-mortem of an incident: write its sections, export it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from warroom.config.paths import shown, write_atomically
from warroom.errors import BadInput, Refusal
from warroom.incident.commands import (
    WriteSection,
)
from warroom.incident.events import SECTIONS, Section
from warroom.reports import postmortem, render
from warroom.reports.postmortem import PostMortem
from warroom.tui.screens.form_dialog import Field, Form
from warroom.tui.screens.incident_screen import IncidentScreen
from warroom.tui.widgets.text import section_title

SUFFIXES: dict[render.ExportFormat, str] = {"markdown": ".md", "html": ".html", "json": ".json"}
"""What an exported file is called behind the dot, by its format."""


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
            write_atomically(path, render.to_format(written, room.playbook, form))
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
