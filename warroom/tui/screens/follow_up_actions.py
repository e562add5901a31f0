"""What can be done after an incident: action items, issues, the post-mortem elsewhere, meetings, closing."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

from warroom.config.paths import shown, write_atomically
from warroom.errors import BadInput, Refusal
from warroom.incident import timing
from warroom.incident.action_items import open_actions
from warroom.incident.commands import AddAction, Close, CompleteAction, close_blockers
from warroom.incident.events import ACTION_TYPES, ActionType
from warroom.incident.follow_up import ChangeAction, MarkNotNeeded
from warroom.incident.incident import ActionItem
from warroom.incident.learnings import is_shared
from warroom.incident.meetings import MINUTES, scheduled
from warroom.incident.tracking import issues, published, trackable
from warroom.room import meetings
from warroom.room.duplicates import close_as_duplicate
from warroom.room.issue_tracking import track
from warroom.room.learnings import share, text_of
from warroom.room.publishing import document, publish, stores
from warroom.room.requests import takers
from warroom.room.room import Done
from warroom.tui.screens.confirm import Confirm
from warroom.tui.screens.form_dialog import Field, Form
from warroom.tui.screens.postmortem_actions import PostMortemActions

ALL = "all"
SHARE = "share"


class FollowUpActions(PostMortemActions):
    """A screen about one incident on which its follow-up can be worked on, handed on and closed."""

    async def do_action_item(self, item: str = "") -> None:
        """Add an action item; on an item of the follow-up, one that this item is done with."""
        today = self.context.now().astimezone(self.context.zone).date()
        known = {one.id: one.text for one in self.context.room.playbook.checklists["post_incident"].items}
        about_item = item in known and item not in self.incident.ticks
        choices = (("", "by itself"), (item, f"“{known.get(item, '')}” — which is done with it"))
        self.ask(
            "add an action item",
            (
                *((Field("item", "For", item, choices=choices),) if about_item else ()),
                Field("words", "What", hint="Alert on pool usage over 80 %"),
                Field("owner", "Owner", suggest=tuple(self.context.room.people()), hint="a name"),
                Field("due", "Due", (today + timedelta(days=14)).isoformat(), hint="2026-02-14"),
                Field("type", "What for", "", choices=(("", "not said"), *ACTION_TYPES.items())),
            ),
            lambda v: AddAction(v["words"], v["owner"], v["due"], cast(ActionType, v["type"]), v.get("item", "")),
            form=f"action-{item}" if about_item else "action",
        )

    async def do_finish_action(self, action: str = "") -> None:
        """Mark an action item as done."""
        todo = tuple((item.id, f"{item.id} {item.words}") for item in open_actions(self.incident))
        if not todo:
            self.context.notify("No action item is open")
            return
        wanted = action or self.action_under_cursor()
        value = wanted if wanted in dict(todo) else todo[0][0]
        self.ask(
            "finish an action item",
            (Field("action", "Done", value, choices=todo),),
            lambda v: CompleteAction(v["action"]),
            verb="done",
        )

    def change_action(self, item: ActionItem) -> None:
        """Ask for the owner, the due date and the type that an action item has from now on."""
        self.ask(
            f"change {item.id}",
            (
                Field("owner", "Owner", item.owner, suggest=tuple(self.context.room.people()), hint="a name"),
                Field("due", "Due", item.due, hint="2026-02-14"),
                Field("type", "What for", item.type, choices=(("", "not said"), *ACTION_TYPES.items())),
            ),
            lambda v: ChangeAction(item.id, v["owner"], v["due"], cast(ActionType, v["type"])),
            about=item.words,
        )

    async def do_not_needed(self, item: str = "") -> None:
        """Say why an item of the follow-up checklist is not needed; ticking it again takes that back."""
        checklist = self.context.room.playbook.checklists["post_incident"]
        chosen = next((one for one in checklist.items if one.id == item), None)
        if chosen is None:
            words = "Put the cursor on an item of the follow-up first ({pane_checklist})"
            self.context.notify(self.context.with_keys(words), "warning")
            return
        self.ask(
            "not needed",
            (Field("reason", f"{chosen.text}: why is it not needed?", hint="no document describes this part"),),
            lambda v: MarkNotNeeded(chosen.id, v["reason"]),
            about="The post-mortem shows the reason.",
        )

    async def do_close(self, original: str = "") -> None:
        """Close it; asks where something is outstanding, and while it is open, when only a duplicate is closed."""
        incident, room = self.incident, self.context.room
        owed = close_blockers(incident, room.playbook)
        if not (owed or incident.open):
            await self.run_command(Close())
            return
        others = [row.id for row in (await self.context.work(room.summaries)) if row.id != incident.id]
        duplicate = Field("original", "Duplicate of", original, hint="INC-7", suggest=tuple(others))
        if incident.open:
            about = f"{incident.id} is not resolved: it can only be closed as a duplicate."
            fields = [duplicate, Field("reason", "Why", hint="optional")]
        else:
            about = "Outstanding:\n" + "\n".join(f"  ○ {item}" for item in owed)
            fields = [Field("reason", "Close anyway — reason", hint="moved to the team's board"), duplicate]

        async def submit(values: dict[str, str]) -> None:
            duplicate_of, reason = values["original"].strip(), values["reason"]

            def close() -> Done:
                if duplicate_of:
                    return close_as_duplicate(room, incident.id, duplicate_of, reason)
                return room.execute(incident.id, Close(reason))

            self.took_effect((await self.context.work(close)).incident)

        self.app.push_screen(Form(f"{incident.id} · close", fields, submit, verb="close", about=about))

    async def do_track(self) -> None:
        """Which action items and which tracker: opening an issue takes this second step, for it leaves warroom."""
        incident, room = self.incident, self.context.room
        trackers, todo = takers(room, incident, "issue"), trackable(incident)
        if not trackers:
            self.context.notify("No issue tracker to use. See: warroom help follow_up", "warning")
            return
        if not todo:
            known = [issue.url or issue.tracker for issue in issues(incident).values()]
            none = self.context.with_keys("No action item to open an issue for; add one first ({action_item})")
            self.context.notify(f"Every action item has its issue: {' '.join(known)}" if known else none)
            return
        choices = [(item.id, f"{item.id} {item.words}") for item in todo]
        if len(todo) > 1:
            choices.append((ALL, f"All {len(todo)}"))
        under_cursor = self.action_under_cursor()
        chosen = under_cursor if under_cursor in dict(choices) else choices[-1][0]
        fields = [Field("items", "Open an issue for", chosen, choices=tuple(choices))]
        if len(trackers) > 1:
            fields.append(Field("tracker", "In", trackers[0], choices=tuple((name, name) for name in trackers)))

        async def submit(values: dict[str, str]) -> None:
            items = () if values["items"] == ALL else (values["items"],)
            tracker = values.get("tracker", trackers[0])
            done = await self.context.work(lambda: track(room, self.incident_id, tracker, items))
            self.took_effect(done.incident)

        about = f"Everybody who reads {' or '.join(trackers)} sees it. Its address appears beside the action item."
        self.app.push_screen(
            Form(f"{self.incident_id} · open issues", tuple(fields), submit, verb="open", about=about)
        )

    async def do_publish(self) -> None:
        """Ask whether to publish to the team's stores; each store that customers read is asked about by itself."""
        room, incident = self.context.room, self.incident

        def find() -> tuple[list[str], list[str], bool]:
            chat = room.updates.destinations("team", drill=incident.drill)
            team = stores(room, incident, public=False)
            return team, stores(room, incident, public=True), bool(chat) and not is_shared(incident)

        found = await self.context.run_or_notify(find)
        if found is None:
            return
        team, customers, may_share = found
        choices = [(ALL, f"The team: {', '.join(team)}")] if team else []
        if may_share and not team:
            choices.append((SHARE, "The team: its summary, in chat"))
        choices += [(name, f"CUSTOMERS: {name}") for name in customers]
        if not choices:
            self.context.notify("No document store to publish to. See: warroom help follow_up", "warning")
        elif len(choices) == 1 and choices[0][0] == SHARE:
            self._ask_to_share()
        elif len(choices) == 1:
            self._ask_to_publish(team or customers, public=not team)
        else:

            async def submit(values: dict[str, str]) -> None:
                name = values["where"]
                if name == SHARE:
                    self._ask_to_share()
                    return
                self._ask_to_publish(team if name == ALL else [name], public=name != ALL)

            field = Field("where", "For whom", choices[0][0], choices=tuple(choices))
            self.app.push_screen(
                Form(f"{self.incident_id} · publish the post-mortem", (field,), submit, verb="go on")
            )

    def _ask_to_publish(self, names: list[str], *, public: bool) -> None:
        async def show() -> None:
            room, incident = self.context.room, self.incident
            text = await self.context.run_or_notify(lambda: document(room, incident, public=public).markdown)
            if text is None:
                return
            where = ", ".join(names)
            known = [one.url or store for store, one in published(incident).items() if store in names]
            about = [f"Replaces what was published before: {' '.join(known)}"] if known else []
            if not public and not is_shared(incident):
                about.append("Its summary and its address are then posted to the team.")
            if public:
                about.append(text)
            elif incident.unwritten:
                missing = ", ".join(name.replace("_", " ") for name in incident.unwritten)
                about.append(f"Not written yet: {missing}. The document says so in their place.")

            def answered(yes: bool | None) -> None:
                if yes:
                    self.start(partial(self._publish, names))

            question = Confirm(
                f"{self.incident_id} · publish the post-mortem",
                f"Publish this to customers on {where}?" if public else f"Publish it to {where}?",
                about="\n\n".join(about),
                no="No, not yet",
                yes=f"Yes, publish it {'to customers ' if public else ''}on {where}",
            )
            await self.app.push_screen(question, answered)

        self.open(show)

    def _ask_to_share(self) -> None:
        """Show what would be posted to the team's chat, and ask."""

        async def show() -> None:
            room, incident = self.context.room, self.incident
            text = await self.context.run_or_notify(lambda: text_of(room, incident))
            if text is None:
                return

            def answered(yes: bool | None) -> None:
                if yes:
                    self.start(self._share)

            question = Confirm(
                f"{self.incident_id} · share the learnings",
                "Post this to the team?",
                about=text,
                no="No, not yet",
                yes="Yes, post it",
            )
            await self.app.push_screen(question, answered)

        self.open(show)

    async def _share(self) -> None:
        done = await self.context.run_or_notify(lambda: share(self.context.room, self.incident_id))
        if done is not None:
            self.took_effect(done.incident)

    async def _publish(self, names: list[str]) -> None:
        room = self.context.room
        done = await self.context.run_or_notify(lambda: publish(room, self.incident_id, names))
        if done is not None:
            self.took_effect(done.incident)
            self.context.notify("Being published; the timeline shows where it is")

    async def do_calendar(self) -> None:
        """When the post-mortem meeting is, and the file to write for a calendar."""
        room, incident, zone = self.context.room, self.incident, self.context.zone
        known = scheduled(incident)
        begin = meetings.planned(room, incident, "post-mortem").astimezone(zone)
        review = meetings.planned(room, incident, "action review").astimezone(zone)
        length = known["post-mortem"].minutes if "post-mortem" in known else MINUTES["post-mortem"]
        default = f"{self.incident_id}.ics"
        asked: set[Path] = set()

        def write(values: dict[str, str]) -> Path:
            at = timing.read_moment(values["at"], room.clock(), zone, ahead=True)
            if not values["minutes"].strip().isdecimal():
                raise BadInput(f"{values['minutes']!r} is no number of minutes", "Write it such as 60.")
            try:
                path = Path(values["path"].strip() or default).expanduser()
            except RuntimeError:
                raise BadInput("There is no such home folder", "Give the path in full.") from None
            if path.is_dir():
                path /= default
            if path.exists() and path not in asked:
                asked.add(path)
                raise Refusal(f"{shown(path)} exists already", "Save again to replace it, or choose another name.")
            done = meetings.schedule(room, self.incident_id, at, int(values["minutes"]))
            write_atomically(path, meetings.calendar(room, done.incident))
            return path

        async def submit(values: dict[str, str]) -> None:
            path = await self.context.work(lambda: write(values))
            self.context.notify(f"Written to {shown(path.resolve())}. Import it into your calendar.")

        self.app.push_screen(
            Form(
                f"{self.incident_id} · schedule the meetings",
                (
                    Field("at", "Post-mortem meeting", f"{begin:%Y-%m-%d %H:%M}"),
                    Field("minutes", "Minutes", str(length)),
                    Field("path", "File", default),
                ),
                submit,
                verb="write",
                about=f"Also in the file: the review of action items, {review:%a %d %b %H:%M %Z}. It invites those"
                " who had a role or own an action item. Importing it again replaces the entries.",
            )
        )
