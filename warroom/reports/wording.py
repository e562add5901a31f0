"""Finds wordings to change in a post-mortem: sentences that blame, action items that nobody can finish. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from warroom.incident.incident import ActionItem

_BLAMEFUL = {
    r"should(?:n't| not)? have|should've": "describe what was known at the time, not what is known now",
    r"could(?:n't| not)? have|could've": "describe what happened; improvements have their own section",
    r"fail(?:ed|s|ing|ure) to": "describe what happened, and what made it likely",
    r"neglect(?:ed|s)?|negligen(?:t|ce)|forgot|overlooked|ignored": "describe what made it easy to miss",
    r"careless(?:ly|ness)?|sloppy|lazy|incompeten(?:t|ce)|stupid(?:ly)?": "judge the system, not the person",
    r"human error|operator error|user error": "an error is where analysis starts; ask what made it possible",
    r"(?:his|her|their|whose) (?:fault|mistake)|at fault|to blame|blamed?": "ask what and how, not who",
    r"obviously|simply|just had to|common sense": "it was not obvious at the time",
    r"why did(?:n't| not)": "ask what and how, not why somebody did",
}
_BLAME = re.compile("|".join(rf"(?P<b{n}>\b(?:{words})\b)" for n, words in enumerate(_BLAMEFUL)), re.IGNORECASE)


def find_blame(text: str, names: Iterable[str] = ()) -> tuple[str, ...]:
    """List the wordings in ``text`` that read as blame, each with what to write instead, in order.

    ``names`` are people who may be named. Source of the rules: PagerDuty's guide to blameless post-mortems
    (https://postmortems.pagerduty.com/culture/blameless/).
    """
    remedies = list(_BLAMEFUL.values())
    found: dict[str, str] = {}
    for match in _BLAME.finditer(text):
        group = match.lastgroup or "b0"
        found.setdefault(match[0].lower(), f'"{match[0]}": {remedies[int(group[1:])]}')
    for name in names:
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
            found.setdefault(name, f'"{name}": name the role, not the person')
    return tuple(found.values())


_VAGUE = {
    r"look (?:in)?to|look at|check (?:out|into)|investigate|explore|research|evaluate|assess|consider": (
        "say what is to be found out, and where the answer is written down"
    ),
    r"improve|enhance|optimi[sz]e|strengthen|harden|tune|better": "say what changes, and the figure it reaches",
    r"be (?:more )?(?:careful|aware|vigilant|mindful)|pay (?:more )?attention|remember|keep in mind|make sure": (
        "name a check or a safeguard that does not depend on attention"
    ),
    r"think about|discuss|talk about|talk to|brainstorm|raise awareness": "name the decision and who makes it",
    r"try to|try|attempt|help|work on|deal with|address": "say what will exist when it is done",
    r"monitor|watch|keep an eye on": "name the measurement, the threshold and who is paged",
    r"train|educate|remind": "name the guard, the document or the drill that helps next time",
}
_VAGUE_START = re.compile(
    r"^\W*(?:we (?:should|need to|must|will) |please |to )?(?:"
    + "|".join(rf"(?P<v{n}>(?:{words})\b)" for n, words in enumerate(_VAGUE))
    + r")",
    re.IGNORECASE,
)

GOOD_ACTION_ITEM = (
    "A good action item begins with a verb whose end can be seen, and has one owner and a date: "
    "“Alert when more than 80 % of the pool is in use · Bob · 14 Feb”."
)


def find_weak_points(item: ActionItem) -> tuple[str, ...]:
    """List what an action item lacks to be done, each with what to write instead.

    That is a verb whose end nobody can see, an owner, a date. Nothing of an item that is done. Source of the rules:
    the chapter on post-mortems of Google's Site Reliability Workbook
    (https://sre.google/workbook/postmortem-culture/) and PagerDuty's guide
    (https://postmortems.pagerduty.com/how_to_write/writing/).
    """
    if item.done_at is not None:
        return ()
    found = []
    if match := _VAGUE_START.match(item.words):
        group = match.lastgroup or "v0"
        found.append(f"“{match[group]}” has no end: {list(_VAGUE.values())[int(group[1:])]}")
    if not item.owner:
        found.append("no owner: name one person who will see to it")
    if not item.due:
        found.append("no date: give the day by which it is done")
    return tuple(found)
