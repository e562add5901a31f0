"""Writes new scripts: a commented template, or the draft of a drill from a past incident. Returns text only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from warroom.drill.script import PLACEHOLDER, parse_script
from warroom.incident.chat_events import ChatMessage
from warroom.incident.events import AlertReceived, Noted
from warroom.incident.incident import Incident, TimelineRow
from warroom.safety import redact

MOST_LINES = 12
"""How many different log lines of an incident's evidence become lines of a stage."""

MOST_MESSAGES = 20
"""How many messages and findings of an incident become chat."""

HEADER = """\
# A drill for warroom. `warroom drill check FILE` names its mistakes; `warroom help drills` explains every table.
#
# at      time after the drill's start, or after what `after` names: "45s", "5m"
# after   "start", "declared", "acknowledged", "mitigated", "resolved", "fix" (the first that helps), "wrong_fix"
# when    only once this holds: { fix = ["id"], service = "…", evidence = "…", happened = "…", late = "10m" }
# unless  not at all if this holds by then: the same keys
# texts   one is picked: %{time} %{clf} are times, %{40..180} a number, %{hex:8} digits, %{a|b} one of them
"""


def template(service: str, severity: str) -> str:
    """Return a small script that can be played as it is, with every table explained."""
    return _checked(f"""{HEADER}
title = "Say what happens, as it is listed"
service = {_text(service)}                # who does not have it plays it with their own first service
summary = "What the briefing says to whoever plays it."
severity = {_text(severity)}              # the right one, for the score
cause = "What was wrong, as the debrief explains it."
cause_match = ["queue full", "memory leak"]   # how the cause is recognised in findings: all words of one entry
history = "10m"                           # so much of the first stage is in the logs already
# cast = "script"                         # keep the names below, instead of giving the parts to the team

[logs]
app = "app.log"                           # a file name; the drill writes it


# What the logs read like, stage after stage. A stage that was passed does not come back.

[[stages]]
name = "calm"
at = "0s"

[[stages.lines]]
log = "app"
every = "2s"
texts = ["%{{time}} INFO  request done ms=%{{40..180}} req=%{{hex:8}}"]

[[stages]]
name = "it fails"
at = "30s"
once = ["%{{time}} ERROR the first sign of what is wrong"]

[[stages.lines]]
log = "app"
every = "0.5s"
texts = ["%{{time}} ERROR request failed: queue full req=%{{hex:8}}"]

[[stages]]
name = "worse after the wrong fix"
after = "fix"
fix = "restart"                           # counts from this remedy, not from the one that helps
at = "20s"
unless = {{ fix = "drain" }}

[[stages.lines]]
log = "app"
every = "0.2s"
texts = ["%{{time}} ERROR request failed: not started yet req=%{{hex:8}}"]

[[stages]]
name = "it recovers"
after = "fix"
at = "20s"

[[stages.lines]]
log = "app"
every = "2s"
texts = ["%{{time}} INFO  request done ms=%{{40..180}} req=%{{hex:8}}"]


[[alerts]]
at = "45s"
name = "error_rate_50percent"
source = "Prometheus"
detail = "54 % of requests fail"


# What the fix form offers, in another order. A fix in people's own words is recognised by `match`.

[[remedies]]
id = "drain"
words = "Stop the import that fills the queue"
effect = "helps"
match = ["stop import", "drain"]
why = "The import fills the queue faster than it is emptied."

[[remedies]]
id = "restart"
words = "Restart the service"
effect = "worse"                          # or "nothing"
match = ["restart"]
why = "A start takes a minute, and the queue is full again after it."


[[chat]]
at = "40s"
who = "Support"
words = "Customers call: nothing goes through."

[[answers]]                               # once, if a note or message with a "?" or their name asks about this
who = "Support"
asked = ["customers", "tickets"]
at = "20s"
words = "All of them, since five minutes ago."

[[hints]]
at = "6m"
words = "Look at what the log said just before the first error."
unless = {{ evidence = "queue full" }}

[ends]
after_resolved = "10m"
limit = "1h"                              # after the declaration; then the drill is over, resolved or not
""")


def from_incident(incident: Incident) -> str:
    """Return the draft of a drill that plays a past incident again: its alerts, chat, evidence and fixes.

    Times are those of the incident, up to the limits of a script. Secrets and personal data are masked, and what
    people wrote becomes what teammates say. What only a person can add is marked ``TODO``.
    """
    start, declared = incident.milestones["started"], incident.milestones["declared"]
    last_fix = incident.fixes[-1][0] if incident.fixes else None
    cause = incident.sections.get("root_cause", "")
    parts = [
        HEADER,
        f"# A draft from {incident.id}. Read it from top to bottom, and look for TODO.",
        "",
        f"title = {_text(incident.title)}",
        f"service = {_text(incident.service)}",
        f"summary = {_text(incident.impact)}",
        f"severity = {_text(incident.severity)}",
        f"cause = {_text(cause or 'TODO: what was wrong')}",
        "# TODO: how the cause is recognised in people's words: all words of one entry",
        'cause_match = ["TODO"]' if not cause else f"cause_match = [{_text(_key_words(cause))}]",
        'history = "10m"',
        "",
        "[logs]",
        'app = "app.log"',
        "",
        "# TODO: what the log reads like while all is well",
        *_stage("calm", "start", 0, ["%{time} INFO  request done ms=%{40..180} req=%{hex:8}"], "2s"),
        "# From the evidence that was pinned; the times are written anew",
        *_stage("it fails", "start", 20, list(_evidence(incident)) or ["%{time} ERROR TODO"], "1s"),
        *_stage("it recovers", "fix", 20, ["%{time} INFO  request done ms=%{40..180} req=%{hex:8}"], "2s"),
    ]
    alerts = [row for row in incident.timeline if isinstance(row.entry.event, AlertReceived)]
    for row in alerts:
        parts += _alert(row, start, declared)
    if not alerts:
        parts += ["[[alerts]]", 'at = "45s"', f"name = {_text(incident.service + ' fails')}", ""]
    parts += [
        "# The fixes, the last one as the one that helped. TODO: add what else one might try, and why it fails"
    ]
    for number, (entry, fix) in enumerate(incident.fixes, 1):
        parts += [
            "[[remedies]]",
            f'id = "fix-{number}"',
            f"words = {_text(fix.words)}",
            f'effect = "{"helps" if entry == last_fix else "nothing"}"',
            'why = "TODO"',
            "",
        ]
    if not incident.fixes:
        parts += ["[[remedies]]", 'id = "fix-1"', 'words = "TODO: what ends it"', 'effect = "helps"', ""]
    parts += _chat(incident, declared)
    parts += ["[[hints]]", 'at = "8m"', 'words = "TODO: a hint for who is stuck"', 'unless = { happened = "fix" }']
    return _checked("\n".join(parts) + "\n")


def _checked(text: str) -> str:
    parse_script(text, "the new script")
    return text


def _stage(name: str, after: str, at: int, texts: list[str], every: str) -> list[str]:
    lines = ",\n".join(f"  {json.dumps(text, ensure_ascii=False)}" for text in texts)
    return [
        "[[stages]]",
        f'name = "{name}"',
        f'after = "{after}"',
        f'at = "{at}s"',
        "",
        "[[stages.lines]]",
        'log = "app"',
        f'every = "{every}"',
        f"texts = [\n{lines},\n]",
        "",
    ]


def _evidence(incident: Incident) -> Iterator[str]:
    """The lines of the evidence, each once."""
    lines = dict.fromkeys(
        line for _, pinned in incident.evidence for line in pinned.words.splitlines() if line.strip()
    )
    for line in list(lines)[:MOST_LINES]:
        yield "%{time} " + _plain(line)


def _alert(row: TimelineRow, start: datetime, declared: datetime) -> list[str]:
    event = row.entry.event
    assert isinstance(event, AlertReceived)
    before = row.at <= declared
    # A drill that is waited for for ten minutes is not played: what happened before the declaration comes soon.
    seconds = min((row.at - start).total_seconds(), 90.0) if before else (row.at - declared).total_seconds()
    return [
        "[[alerts]]",
        f'after = "{"start" if before else "declared"}"',
        f'at = "{_seconds(max(seconds, 30.0 if before else 0.0))}s"',
        f"name = {_text(event.name)}",
        *([f"source = {_text(event.source)}"] if event.source else []),
        *([f"detail = {_text(event.detail)}"] if event.detail else []),
        "",
    ]


def _chat(incident: Incident, declared: datetime) -> Iterator[str]:
    """What people wrote and found, as what teammates say after the declaration."""
    said = 0
    for row in incident.timeline:
        event = row.entry.event
        found = isinstance(event, Noted) and event.note in ("note", "finding")
        if row.retracted or not row.by or said == MOST_MESSAGES or not (found or isinstance(event, ChatMessage)):
            continue
        words = event.words if isinstance(event, Noted | ChatMessage) else ""
        said += 1
        yield from (
            "[[chat]]",
            f'at = "{_seconds(max(0.0, (row.at - declared).total_seconds()))}s"',
            f"who = {_text(row.by)}",
            f"words = {_text(words)}",
            *(('unless = { happened = "fix" }',) if found else ()),
            "",
        )


def _seconds(seconds: float) -> int:
    return int(min(seconds, 86_400))


def _key_words(cause: str) -> str:
    """The longest words of a cause: a start for a person to improve."""
    words = sorted({word.strip(".,;:()") for word in cause.casefold().split()}, key=lambda word: (-len(word), word))
    return " ".join(words[:2]) or "TODO"


def _plain(text: str) -> str:
    """``text`` masked, on one line, and without anything that a log line would replace."""
    safe = " ".join(redact(text).text.split())
    return PLACEHOLDER.sub(lambda found: found[0].replace("%", "% "), safe)[:4000]


def _text(text: str) -> str:
    """``text`` as TOML: a JSON string is one too, but for the delete character."""
    return json.dumps(_plain(text) or "TODO", ensure_ascii=False).replace("\x7f", "\\u007f")
