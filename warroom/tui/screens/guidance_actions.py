"""What the playbook's guidance asks for on a screen: deciding on a fix, planned changes, step items, pitfalls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from textual.content import Content

from warroom.errors import BadInput, Refusal
from warroom.incident.advice import NextStep
from warroom.incident.change_commands import DropChange, MakeChange
from warroom.incident.commands import Note, RecordFix
from warroom.incident.events import NoteKind
from warroom.incident.pitfalls import PitfallSeen, is_rushed, pitfalls_seen
from warroom.incident.step_items import finding_about
from warroom.tui.actions import key_of
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.detail import Detail
from warroom.tui.screens.fix_form import FixForm, fix_command, fix_fields
from warroom.tui.screens.follow_up_actions import FollowUpActions
from warroom.tui.screens.form_dialog import Field
from warroom.tui.screens.form_screen import Draft
from warroom.tui.widgets.bars import Bar
from warroom.tui.widgets.text import literal


class GuidanceActions(FollowUpActions):
    """A screen about one incident that shows the playbook's guidance when it helps."""

    # ── fixes ─────────────────────────────────────────────────────────────────────────────────────────────

    async def do_fix(self) -> None:
        """Decide on a fix, or record one that was made."""
        room, incident_id, playbook = self.context.room, self.incident_id, self.context.room.playbook
        warned: set[str] = set()

        async def submit(values: dict[str, str]) -> None:
            command = fix_command(self.incident, values)
            if (
                isinstance(command, RecordFix)
                and command.words not in warned
                and is_rushed(self.incident, playbook, command.words, self.context.now())
            ):
                warned.add(command.words)
                raise Refusal(
                    f"Take {playbook.nudges.assess_minutes} minutes to assess before you act",
                    "The incident has only just started, and this is no rollback. Save again to record it anyway.",
                )
            self.took_effect((await self.context.work(lambda: room.execute(incident_id, command))).incident)

        async def show() -> None:
            draft = Draft(self.context, incident_id, "fix")
            fields = fix_fields(self.incident, playbook)
            title = f"{incident_id} · record a fix"
            kept = await draft.load()
            await self.app.push_screen(FixForm(title, fields, submit, playbook, draft=draft, kept=kept))

        self.open(show)

    # ── planned changes ───────────────────────────────────────────────────────────────────────────────────

    async def do_change_made(self, change: str = "") -> None:
        """Mark a planned change made; which one is asked only where several are planned and none is meant."""
        if one := self._planned(change):
            if await self.run_command(MakeChange(one)):
                self.context.notify(f"{one} is marked made")
        else:
            self._ask_which("made")

    async def do_change_dropped(self, change: str = "") -> None:
        """Drop a planned change."""
        if one := self._planned(change):
            if await self.run_command(DropChange(one)):
                self.context.notify(f"{one} is dropped")
        else:
            self._ask_which("dropped")

    def _planned(self, change: str) -> str:
        """The number of the planned change that is meant: the one named, else the only one; "" if that is open."""
        planned = [one.id for one in self.incident.planned_changes]
        return change if change in planned else planned[0] if len(planned) == 1 else ""

    def _ask_which(self, outcome: Literal["made", "dropped"]) -> None:
        choices = tuple((one.id, f"{one.id} {one.words}") for one in self.incident.planned_changes)
        if not choices:
            self.context.notify(self.context.with_keys("No change is planned; {fix} or {note} plans one"))
            return
        verb = "mark made" if outcome == "made" else "drop"
        self.ask(
            f"{verb}: which change",
            (Field("change", "Planned change", choices=choices),),
            lambda v: MakeChange(v["change"]) if outcome == "made" else DropChange(v["change"]),
            verb=verb,
        )

    def before(self, step: NextStep) -> Confirm | None:
        if step.action != "change_made":
            return super().before(step)
        return Confirm(
            f"{self.incident_id} · planned change",
            step.text,
            about=self.context.with_keys("If it is not going to be made, drop it: {change_dropped}."),
            no="No, not yet",
            yes="Yes, it is made",
        )

    # ── step items ────────────────────────────────────────────────────────────────────────────────────────

    def ask_finding(self, item: str) -> None:
        """The form of a finding about an item of a timed step, headed with it.

        What answers a question of the fix strategy is a decision rather.
        """
        strategy = item in self.context.room.playbook.fix_strategy.immediate_actions
        kinds = (("finding", "Finding — what we know"), ("decision", "Decision — and why"))

        def command(values: dict[str, str]) -> Note:
            if values["words"].strip() == finding_about(item).strip():
                raise BadInput("Nothing is written", f"Say what came of it: {item}")
            sort: NoteKind = "decision" if values["note"] == "decision" else "finding"
            return Note(values["words"], sort, values["because"])

        self.ask(
            item,
            (
                Field("words", "What was found", finding_about(item), long=True),
                Field("note", "Kind", "decision" if strategy else "finding", choices=kinds),
                Field("because", "Because (decisions)", hint="why this and not something else"),
            ),
            command,
        )

    # ── pitfalls ──────────────────────────────────────────────────────────────────────────────────────────

    def pitfall(self) -> PitfallSeen | None:
        """The pitfall that is shown: the first that occurs now and was not shown in this incident before."""
        shown = self.context.pitfalls_shown.setdefault(self.incident_id, {})
        seen = {one.pitfall.id: one for one in self._pitfalls_now()}
        for id, state in shown.items():
            if state == "shown" and id not in seen:
                shown[id] = "over"  # it has passed by itself
        found = next((one for id, one in seen.items() if shown.get(id) != "over"), None)
        if found:
            shown[found.pitfall.id] = "shown"
        return found

    def _pitfalls_now(self) -> list[PitfallSeen]:
        return pitfalls_seen(self.incident, self.context.room.playbook, self.context.now()) if self.snapshot else []

    def show_next(self) -> None:
        super().show_next()
        self.show_pitfall()

    def show_pitfall(self) -> None:
        """Show the pitfall that occurs in the line above Next; no line without one."""
        bars, found = self.query("#pitfall"), self.pitfall()
        if bars:
            bar = bars.first(Bar)
            bar.display = found is not None
            if found:
                bar.set_content(pitfall_line(found, self.context.keys))

    async def do_pitfall(self) -> None:
        """Show the pitfall in full; with that it is dismissed."""
        found = self.pitfall()
        if found is None:
            self.context.notify("No pitfall to show; the playbook has them all: warroom playbook")
            return
        self.context.pitfalls_shown[self.incident_id][found.pitfall.id] = "over"
        self.show_pitfall()
        self.app.push_screen(Detail(f"Pitfall: {found.pitfall.title}", found.text))


def pitfall_line(seen: PitfallSeen, keys: Mapping[str, str]) -> Content:
    """The line of a pitfall: what happened, what helps, and the key that shows and dismisses it."""
    helps = f" — {seen.pitfall.solutions[0]}" if seen.pitfall.solutions else ""
    key = Content.assemble((f"[{key_of('pitfall', keys)}]", "$key bold"), " ")
    return Content.assemble((" Pitfall ", "$text-warning bold"), " ", key, literal(f"{seen.trigger}{helps}"))
