"""THE registry of what can be done on the screen: id, title, keys, danger, why it is off. Does nothing itself.

Bindings, the key bar, the palette, the help screen and the README's key table are all made from it, so a key
means one thing everywhere and is written down once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from warroom import toml

if TYPE_CHECKING:
    from textual.binding import Binding

    from warroom.incident.incident import Incident

Place = Literal["anywhere", "incident"]
Danger = Literal["", "posts", "ends"]
"""What an action reaches beyond this screen: it posts to people, or it ends something."""


def _always(incident: Incident | None) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do.

    ``why_off`` is the reason why it cannot be done now, "" if it can; ``{action}`` in it is replaced by that
    action's key: see ``with_keys``.

    ``keys`` are Textual's names, the first one is shown. ``bar`` is the word in the key bar, "" to leave it out.
    """

    id: str
    title: str
    keys: str
    help: str
    place: Place = "incident"
    danger: Danger = ""
    bar: str = ""
    why_off: Callable[[Incident | None], str] = _always


def _while_open(incident: Incident | None) -> str:
    if incident is None or incident.open:
        return ""
    return f"{incident.id} is {incident.status}; reopen it first ({{reopen}})"


def _not_closed(incident: Incident | None) -> str:
    if incident and incident.status == "closed":
        return f"{incident.id} is closed; reopen it first ({{reopen}})"
    return ""


def _unacknowledged(incident: Incident | None) -> str:
    if incident and "acknowledged" in incident.milestones:
        return "The alert is already acknowledged"
    return _while_open(incident)


def _offered(incident: Incident | None) -> str:
    if incident and not any(held.offered_to for held in incident.roles.values()):
        return "No role is being handed over; offer one first ({hand_over})"
    return _not_closed(incident)


def _held(incident: Incident | None) -> str:
    return "Nobody holds a role yet; assign one first ({assign})" if incident and not incident.roles else ""


def _no_task(incident: Incident | None) -> str:
    return "No task is open; assign one first ({task})" if incident and not incident.open_tasks else ""


def _nothing_planned(incident: Incident | None) -> str:
    if incident and not incident.planned_changes:
        return "No change is planned; plan one with its rollback first ({fix} or {note})"
    return _not_closed(incident)


def _no_hypothesis(incident: Incident | None) -> str:
    if incident and all(one.state == "retracted" for one in incident.hypotheses.values()):
        return "There is no hypothesis yet; note one first ({note})"
    return _not_closed(incident)


def _over(incident: Incident | None) -> str:
    return f"{incident.id} is still open; resolve it first ({{resolve}})" if incident and incident.open else ""


ACTIONS: tuple[Action, ...] = (
    Action(
        "next",
        "Do the next step",
        "ctrl+n",
        "Do what the Next line says, wherever the cursor is.",
        place="anywhere",
    ),
    Action(
        "update",
        "Post an update",
        "u",
        "Post the status to the team, customers or executives.",
        danger="posts",
        bar="update",
        why_off=_not_closed,
    ),
    Action(
        "note",
        "Add a note",
        "n",
        "Write one line: note, finding, hypothesis, decision, task.",
        bar="note",
        why_off=_not_closed,
    ),
    Action(
        "undo",
        "Undo",
        "ctrl+z",
        "Take back your last tick, note, role or finished action item.",
        why_off=_not_closed,
    ),
    Action(
        "task",
        "Assign a task",
        "A",
        "Give someone a task for a limited time; then Next asks how it went.",
        why_off=_while_open,
        bar="task",
    ),
    Action("finish_task", "Finish a task", "F", "Mark a task as done.", bar="finish task", why_off=_no_task),
    Action(
        "hypothesis",
        "Confirm or rule out",
        "Y",
        "Say that a hypothesis is right or wrong.",
        why_off=_no_hypothesis,
        bar="confirm, rule out",
    ),
    Action(
        "poll",
        "Poll for objections",
        "P",
        "Propose a decision; without an objection in 60 s it is recorded.",
        why_off=_while_open,
    ),
    Action("brief", "Brief", "b", "Sum the incident up for people who join late; copy or post it.", bar="brief"),
    Action(
        "assign",
        "Assign a role",
        "a",
        "Assign a role to a person, or release it.",
        bar="assign",
        why_off=_not_closed,
    ),
    Action(
        "take_all",
        "Take all roles",
        "O",
        "Take every role that nobody holds, where one person responds alone.",
        why_off=_not_closed,
        bar="take all",
    ),
    Action(
        "check",
        "Tick an item",
        "space",
        "Tick the item or step under the cursor; unticking asks first.",
        bar="check",
        why_off=_not_closed,
    ),
    Action(
        "pin",
        "Pin evidence",
        "p",
        "Add the log record or marked lines, masked, with a comment.",
        bar="pin",
        why_off=_not_closed,
    ),
    Action(
        "severity",
        "Set the severity",
        "s",
        "Raise or lower the severity; lowering it needs a reason.",
        danger="posts",
        bar="severity",
        why_off=_not_closed,
    ),
    Action(
        "fix",
        "Record a fix",
        "f",
        "Decide on a fix or record one, by the playbook's questions.",
        bar="fix",
        why_off=_not_closed,
    ),
    Action(
        "change_made",
        "Planned change is made",
        "greater_than_sign",
        "Mark a planned change as made.",
        bar="made",
        why_off=_nothing_planned,
    ),
    Action(
        "change_dropped",
        "Drop a planned change",
        "less_than_sign",
        "Drop a planned change: it is not going to be made.",
        bar="drop",
        why_off=_nothing_planned,
    ),
    Action("pitfall", "Pitfall", "comma", "Show what helps against a pitfall, and dismiss it."),
    Action(
        "resolve",
        "Resolve",
        "r",
        "Verify the recovery, see the blockers, resolve.",
        danger="ends",
        bar="resolve",
        why_off=_while_open,
    ),
    Action(
        "acknowledge",
        "Acknowledge the alert",
        "k",
        "Someone is on it; stops the response clock.",
        why_off=_unacknowledged,
    ),
    Action(
        "status",
        "Set the status",
        "t",
        "Set the status to investigating or mitigated.",
        danger="posts",
        why_off=_while_open,
    ),
    Action(
        "hand_over",
        "Hand over a role",
        "h",
        "Offer a role; it takes effect when they accept.",
        why_off=_held,
        bar="hand over",
    ),
    Action(
        "accept",
        "Accept",
        "y",
        "Confirm a handover; in the review accept a suggestion.",
        why_off=_offered,
        bar="accept",
    ),
    Action(
        "action_item",
        "Add an action item",
        "i",
        "Add a follow-up task with an owner and a due date.",
        bar="action item",
        why_off=_not_closed,
    ),
    Action("finish_action", "Finish an action item", "I", "Mark an action item as done.", bar="finish"),
    Action(
        "not_needed",
        "Mark as not needed",
        "underscore",
        "Say why an item of the follow-up is not needed this time.",
        bar="not needed",
        why_off=_not_closed,
    ),
    Action(
        "track",
        "Open issues",
        "number_sign",
        "Open issues for action items; asks first.",
        danger="posts",
        bar="issues",
    ),
    Action(
        "amend",
        "Amend an entry",
        "e",
        "Correct a timeline entry, or edit a suggestion.",
        bar="amend",
    ),
    Action(
        "retract",
        "Retract an entry",
        "x",
        "Strike through a timeline entry, or dismiss a suggestion.",
        bar="retract",
    ),
    Action(
        "make_finding",
        "Make it a finding",
        "asterisk",
        "Make the chat message under the cursor a finding.",
        bar="finding",
        why_off=_not_closed,
    ),
    Action(
        "make_decision",
        "Make it a decision",
        "equals_sign",
        "Make the chat message under the cursor a decision.",
        bar="decision",
        why_off=_not_closed,
    ),
    Action(
        "page",
        "Page somebody",
        "exclamation_mark",
        "Call somebody to the incident through a paging service.",
        danger="posts",
        why_off=_while_open,
    ),
    Action("links", "Links", "j", "Show the links of the service and its alerts; open or copy one.", bar="links"),
    Action("milestone", "Amend a milestone", "m", "Correct when the incident started, was detected, mitigated …"),
    Action("deliveries", "Show deliveries", "o", "Show what was delivered, what failed and what is unconfirmed."),
    Action(
        "review",
        "Review",
        "v",
        "Open the post-mortem, action items and follow-up.",
        bar="review",
    ),
    Action(
        "write",
        "Write a post-mortem section",
        "w",
        "Write a section, such as the root cause.",
        bar="write",
    ),
    Action("export", "Export", "E", "Write the incident as Markdown, HTML or JSON.", bar="export"),
    Action(
        "publish",
        "Publish",
        "Z",
        "Publish the post-mortem, or a better quarter; asks first.",
        danger="posts",
        bar="publish",
        why_off=_over,
    ),
    Action(
        "calendar",
        "Schedule the meetings",
        "ampersand",
        "Put the post-mortem meeting into a calendar file.",
        bar="calendar",
        why_off=_over,
    ),
    Action("reopen", "Reopen", "R", "Reopen the incident; the clocks resume.", danger="posts", why_off=_over),
    Action(
        "close",
        "Close",
        "C",
        "Close it: follow-up done, or a duplicate.",
        danger="ends",
        bar="close",
        why_off=_not_closed,
    ),
    Action(
        "search",
        "Search the log",
        "slash",
        "Search for text or a regular expression as you type.",
        bar="search",
    ),
    Action("search_next", "Next match", "N", "Go to the next older match.", bar="older"),
    Action("search_back", "Previous match", "B", "Go to the next newer match.", bar="newer"),
    Action("filter_in", "Show only", "plus", "Show only log records that contain text; filters stack.", bar="only"),
    Action("filter_out", "Hide", "minus", "Hide log records that contain text; filters stack.", bar="hide"),
    Action("filter_drop", "Remove a filter", "X", "Remove a filter from the log.", bar="unfilter"),
    Action("level", "Log level", "l", "Show all lines, warnings and up, or errors and up.", bar="level"),
    Action("error_older", "Error above", "left_square_bracket", "Go to the next older error in the log."),
    Action("error_newer", "Error below", "right_square_bracket", "Go to the next newer error in the log."),
    Action(
        "go_to", "Go to a line or time", "g", "Go to a line number (88213) or a time (14:03, -10m).", bar="go to"
    ),
    Action(
        "mark",
        "Mark the log line",
        "M",
        "Mark the line; with two marks, pin takes the lines between.",
    ),
    Action("mark_next", "Next mark", "apostrophe", "Go to the next mark above."),
    Action("wrap", "Wrap the log", "W", "Wrap long lines, or scroll them sideways.", bar="wrap"),
    Action("source", "Hide a log", "S", "Hide a log source, or show it again."),
    Action(
        "watch",
        "Watch another log",
        "L",
        "Watch a file, folder, journal:UNIT, docker:NAME, run:COMMAND.",
        bar="add a log",
    ),
    Action("copy", "Copy", "c", "Copy the log record, or in the timeline the entry."),
    Action("reveal", "Unmask a record", "U", "Show the record with its secrets for 15 seconds."),
    Action("follow", "Follow the log", "G", "Go to the end of the log and follow it.", bar="follow"),
    Action("pane_checklist", "Checklist pane", "1", "Go to the checklist."),
    Action("pane_timeline", "Timeline pane", "2", "Go to the timeline."),
    Action("pane_roles", "Roles pane", "3", "Go to the roles."),
    Action("pane_logs", "Log pane", "4", "Go to the log."),
    Action("pane_draft", "Post-mortem pane", "5", "Go to the post-mortem draft in the review."),
    Action("pane_actions", "Action items pane", "6", "Go to the action items in the review."),
    Action("pane_sections", "Sections pane", "7", "Go to the unwritten sections in the review."),
    Action("pane_state", "State pane", "8", "Go to the state: impact, hypotheses, tasks."),
    Action("pane_runbook", "Runbook", "9", "Open the runbook, or choose another one.", bar="choose runbook"),
    Action(
        "run_step",
        "Run a runbook step",
        "dollar_sign",
        "Show what a command would run; a second key runs it.",
        bar="run",
        why_off=_not_closed,
    ),
    Action(
        "timeline_all",
        "All entries",
        "V",
        "Show ticks and corrections in the timeline too, or key events.",
        bar="all entries",
    ),
    Action("zoom", "Zoom the pane", "z", "Show the focused pane full-screen, or go back.", bar="zoom"),
    Action(
        "declare",
        "Declare an incident",
        "d",
        "Declare an incident; an alert fills in the form.",
        place="anywhere",
        danger="posts",
    ),
    Action(
        "drill",
        "Start a drill",
        "D",
        "Practise on a scripted incident; or abandon the drill that runs.",
        place="anywhere",
    ),
    Action(
        "dismiss",
        "Dismiss an alert",
        "Q",
        "Dismiss the alert under the cursor: no incident follows.",
        place="anywhere",
        bar="dismiss",
    ),
    Action(
        "silence",
        "Silence an alert",
        "K",
        "Have the alert's source keep quiet about it for a while.",
        place="anywhere",
        bar="silence",
    ),
    Action(
        "contacts",
        "Who to call",
        "at",
        "List who is on call and everyone's numbers; Enter copies.",
        place="anywhere",
    ),
    Action("video", "Video call", "J", "Copy the address of the team's video call.", place="anywhere"),
    Action(
        "search_all",
        "Search everything",
        "ctrl+f",
        "Search all that was ever recorded, in every incident.",
        place="anywhere",
        bar="search",
    ),
    Action(
        "stats",
        "Figures",
        "percent_sign",
        "Show times, updates kept, alerts and causes of all incidents.",
        place="anywhere",
        bar="figures",
    ),
    Action(
        "action_list",
        "All action items",
        "0",
        "List the action items of all incidents, the overdue first.",
        place="anywhere",
        bar="actions",
    ),
    Action("home", "Home", "H", "Go to the home screen.", place="anywhere"),
    Action(
        "presenter",
        "Presenter mode",
        "f2",
        "Show a large clock and status for a shared screen.",
        place="anywhere",
    ),
    Action("privacy", "Privacy mode", "f3", "Hide logs, notes and contacts, or show them again.", place="anywhere"),
    Action("theme", "Choose a theme", "T", "Choose a colour theme.", place="anywhere"),
    Action("palette", "Command palette", "ctrl+p", "Find any action by its name.", place="anywhere", bar="palette"),
    Action("help", "Keys", "question_mark", "Show the keys.", place="anywhere", bar="keys"),
    Action("manual", "Manual", "f1", "Read the manual, page by page.", place="anywhere"),
    Action("quit", "Quit", "ctrl+q", "Quit the console; everything is saved.", place="anywhere"),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}

LOG_ACTIONS = (
    "search",
    "search_next",
    "search_back",
    "filter_in",
    "filter_out",
    "filter_drop",
    "level",
    "error_older",
    "error_newer",
    "go_to",
    "mark",
    "mark_next",
    "wrap",
    "source",
    "watch",
    "copy",
    "reveal",
    "follow",
)
"""What can be done to a log, in an incident or without one."""

_SHOWN = {
    "slash": "/",
    "question_mark": "?",
    "space": "space",
    "escape": "esc",
    "plus": "+",
    "minus": "-",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "apostrophe": "'",
    "asterisk": "*",
    "equals_sign": "=",
    "exclamation_mark": "!",
    "dollar_sign": "$",
    "number_sign": "#",
    "ampersand": "&",
    "at": "@",
    "comma": ",",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "percent_sign": "%",
    "underscore": "_",
}


def shown(key: str) -> str:
    """A key as people read it: ``^p`` for ctrl+p, ``/`` for slash, ``F2`` for f2."""
    key = key.split(",")[0].strip()
    if key.startswith("ctrl+"):
        return "^" + key[5:]
    if len(key) in (2, 3) and key[0] == "f" and key[1:].isdigit():
        return key.upper()
    return _SHOWN.get(key, key)


def bindings(*places: Place) -> list[Binding]:
    """The bindings of a screen in these places, for its ``BINDINGS``; their ids let a keymap move them."""
    from textual.binding import Binding  # the command line checks keys without it

    return [
        Binding(
            action.keys,
            f"do('{action.id}')",
            action.title,
            id=action.id,
            show=False,
            priority=action.keys.startswith(("ctrl+", "f1", "f2", "f3")),
        )
        for action in ACTIONS
        if action.place in places
    ]


RESERVED = frozenset(
    {
        "enter",
        "escape",
        "tab",
        "shift+tab",
        "up",
        "down",
        "left",
        "right",
        "ctrl+s",
        "ctrl+e",
        "ctrl+t",
        "ctrl+r",
        "ctrl+y",
    }
)
"""Keys that move within a screen or a form, and cannot be given to an action."""


def key_mistakes(own: Mapping[str, str]) -> list[toml.Mistake]:
    """What is wrong with a person's own keys (``[console.keys]``: action id → keys), by their place in settings.

    Wrong are an action that does not exist, no key, a reserved key, and a key that another action has.
    """
    wrong: list[toml.Mistake] = []
    holders: dict[str, str] = {}
    for action in (*(one for one in ACTIONS if one.id not in own), *(one for one in ACTIONS if one.id in own)):
        for key in _split(own.get(action.id, action.keys)):
            holder = holders.setdefault(key, action.id)
            if holder != action.id:
                what = f"{toml.plain(key)} is already the key of {holder}"
                wrong.append(_key_mistake(action.id, what, f"Choose another, or give {holder} another."))
    for action_id, keys in own.items():
        named = _split(keys)
        if action_id not in BY_ID:
            remedy = toml.allowed(BY_ID, action_id)
            wrong.append(_key_mistake(action_id, "there is no such action", remedy))
        elif not named:
            wrong.append(_key_mistake(action_id, "names no key", 'Write one, such as "f5", or remove the line.'))
        for key in RESERVED.intersection(named):
            what = f"{key} is reserved for moving within screens and forms"
            wrong.append(_key_mistake(action_id, what, "Choose another key."))
    return wrong


def _key_mistake(action_id: str, what: str, remedy: str) -> toml.Mistake:
    return toml.Mistake(("console", "keys", action_id), what, remedy)


def keymap(own: Mapping[str, str]) -> dict[str, str]:
    """A person's own keys, checked. Raises ``SettingsError`` with what ``key_mistakes`` finds."""
    if wrong := key_mistakes(own):
        raise toml.refuse(wrong, "", "settings")
    return dict(own)


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",") if key.strip()]


def with_keys(text: str, own: Mapping[str, str]) -> str:
    """``text`` with each ``{action}`` replaced by that action's key, as people read it."""
    return re.sub(r"\{([a-z_]+)\}", lambda found: key_of(found[1], own) if found[1] in BY_ID else found[0], text)


def key_of(action_id: str, own: Mapping[str, str]) -> str:
    """The key that an action has, as people read it."""
    return shown(own.get(action_id, BY_ID[action_id].keys))
