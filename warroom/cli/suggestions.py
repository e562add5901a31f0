"""Below ``warroom postmortem``: what the timeline suggests for it, and what to reword in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warroom.cli import output
from warroom.cli.context import CliContext, pick
from warroom.cli.reporting import execute
from warroom.errors import BadInput, NotFound
from warroom.incident.events import SuggestionDismissed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warroom.reports.suggestions import Suggestion


def offered(context: CliContext) -> list[Suggestion]:
    """The suggestions that nobody has decided about, in the order of the sections."""
    from warroom.reports import postmortem

    room, incident = context.room, context.incident()
    document = postmortem.build(incident, room.playbook, room.deliveries(incident.id), room.clock(), room.zone)
    return [one for found in document.suggestions.values() for one in found]


def show(context: CliContext) -> None:
    """Print the suggestions, or an array of them."""
    found = offered(context)
    if context.json:
        output.data([{"id": one.key, "section": one.section, "text": one.text} for one in found])
        return
    if not found:
        output.print_err("The timeline suggests nothing more.")
    output.table([one.section.replace("_", " "), one.key, one.text] for one in found)
    if found:
        output.print_err("warroom postmortem accept ID [TEXT] takes one in, dismiss ID leaves it out.")


def decide(context: CliContext, what: str, typed: str, words: str) -> None:
    """Accept, dismiss or offer again the suggestion that ``typed`` means; ``words`` replace its text."""
    from warroom.incident.suggestions import AcceptSuggestion, DismissSuggestion

    if not typed:
        raise BadInput("Which suggestion?", "warroom postmortem suggestions lists them.")
    if what == "restore":
        _restore(context, typed)
        return
    one = _pick(typed, offered(context))
    if what == "accept":
        execute(context, AcceptSuggestion(one.section, one.key, words or one.text))
    else:
        execute(context, DismissSuggestion(one.section, one.key, one.text))


def _pick(typed: str, found: Sequence[Suggestion]) -> Suggestion:
    try:
        key = pick("suggestion", typed, [(one.key, one.section) for one in found], abbreviated=False)
    except NotFound as error:
        raise NotFound(error.title, "warroom postmortem suggestions lists them.") from None
    return next(one for one in found if one.key == key)


def _restore(context: CliContext, typed: str) -> None:
    from warroom.incident.corrections import RetractEntry

    gone = {
        row.entry.event.suggestion: row
        for row in context.incident().rows
        if isinstance(row.entry.event, SuggestionDismissed) and not row.retracted
    }
    if not gone:
        raise NotFound("No suggestion was dismissed", "warroom postmortem suggestions lists those on offer.")
    key = pick("dismissed suggestion", typed, [(key, row.text) for key, row in gone.items()], abbreviated=False)
    execute(context, RetractEntry(str(gone[key].id), "offered again"))


def check(context: CliContext) -> None:
    """Print what to reword in the sections and what action items lack, or an array of it."""
    from warroom.reports import warnings
    from warroom.reports.wording import GOOD_ACTION_ITEM, find_blame, find_weak_points

    incident = context.incident()
    names = warnings.names_in(incident)
    found = [
        (section.replace("_", " "), hint)
        for section, words in incident.sections.items()
        for hint in find_blame(words, names)
    ]
    weak = [(item.id, hint) for item in incident.actions.values() for hint in find_weak_points(item)]
    if context.json:
        output.data([{"where": where, "hint": hint} for where, hint in [*found, *weak]])
        return
    output.table([where, hint] for where, hint in [*found, *weak])
    if weak:
        output.print_err(GOOD_ACTION_ITEM)
    elif not found:
        output.print_err("Nothing to reword.")
