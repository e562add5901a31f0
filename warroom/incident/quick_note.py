"""Quick notes: one line, whose first characters say what it becomes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from warroom.errors import BadInput
from warroom.incident.change_commands import PlanChange
from warroom.incident.commands import Command, Note
from warroom.incident.events import NoteKind
from warroom.incident.investigation import TASK_MINUTES, AssignTask, ConfirmHypothesis, RuleOutHypothesis
from warroom.incident.timing import read_duration

KINDS: dict[str, NoteKind] = {"f": "finding", "h": "hypothesis", "d": "decision", "c": "change"}
"""The letter after ``!`` for each kind of note."""

SYNTAX = (
    "!f finding  !h hypothesis  !d decision | why  !c change, !p planned | rollback"
    "  !r H1 ruled out  !y H1 confirmed  @Bob 10m task"
)

_MARKED = re.compile(r"!(\w)(?:\s+(.*))?", re.DOTALL)
_TASK = re.compile(r"@(\S+)(?:\s+(\d+\s*(?:s|min|m|h)))?(?:\s+(.*))?", re.DOTALL)
_NUMBER = re.compile(r"([hH]\d+)\b\s*(.*)", re.DOTALL)


def parse_quick_note(text: str, people: Sequence[str] = ()) -> Command:
    """Return the command that a line means; a line without a mark is a plain note.

    ``people`` are names that ``@`` completes. Raises ``BadInput`` for an unknown letter or an ambiguous name.
    """
    typed = text.strip()
    if typed.startswith("@") and (task := _TASK.fullmatch(typed)):
        who, span, words = task.groups(default="")
        return AssignTask(_person(who, people), words, read_duration(span) / 60 if span else TASK_MINUTES)
    marked = _MARKED.fullmatch(typed)
    if marked is None:
        return Note(typed)
    letter, rest = marked[1].lower(), marked[2] or ""
    if letter in "ry":
        named = _NUMBER.fullmatch(rest)
        number, reason = (named[1], named[2]) if named else ("", rest)
        return RuleOutHypothesis(number, reason) if letter == "r" else ConfirmHypothesis(number, reason)
    if letter == "p":
        words, _, rollback = (part.strip() for part in rest.partition("|"))
        return PlanChange(words, rollback)
    if letter not in KINDS:
        raise BadInput(f"There is no !{letter}", f"Use one of: {SYNTAX}.")
    words, _, more = (part.strip() for part in rest.partition("|"))
    kind = KINDS[letter]
    return Note(words, kind, because=more if kind != "change" else "", rollback=more if kind == "change" else "")


def _person(typed: str, people: Sequence[str]) -> str:
    wanted = typed.casefold()
    exact = [name for name in people if name.casefold() == wanted]
    found = exact or [name for name in people if name.casefold().startswith(wanted)]
    if len(found) > 1:
        raise BadInput(f"@{typed} may be {' or '.join(found)}", "Type more of the name.")
    return found[0] if found else typed


def describe_quick_note(text: str, people: Sequence[str] = ()) -> str:
    """Return in a few words what a line would become; "" for one that means nothing yet."""
    if not text.strip():
        return ""
    try:
        command = parse_quick_note(text, people)
    except BadInput as error:
        return error.title
    match command:
        case AssignTask():
            return f"Task for {command.who}, {command.minutes:g} min"
        case RuleOutHypothesis():
            return f"Rule out {command.hypothesis or 'the open hypothesis'}"
        case ConfirmHypothesis():
            return f"Confirm {command.hypothesis or 'the open hypothesis'}"
        case PlanChange(rollback=""):
            return "Planned change; add | and how to undo it"
        case PlanChange():
            return "Planned change"
        case Note(note="change", rollback=""):
            return "Change; add | and how to undo it"
        case Note():
            return command.note.capitalize()
    return ""
