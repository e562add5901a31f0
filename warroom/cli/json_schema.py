"""What each verb prints with ``--json``, as JSON Schema: ``warroom schema`` prints it.

Within one ``VERSION`` keys are added; none is removed, renamed or left out where it always was. Tests hold the JSON
of every verb against its schema, and the schemas against those that were published.

Source of the format: JSON Schema 2020-12 (https://json-schema.org/draft/2020-12).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from warroom.cli.shapes import documents, hub, practice, records, setup
from warroom.incident.playbook import Checklist, Guidance, Phase, Role, Severity, Template
from warroom.reports.brief import Brief

VERSION = 1
"""Of all schemas together: the next one is due when a key is removed, renamed or no longer always there."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Shape(NamedTuple):
    """What a command prints. ``lines``: it prints one such value on each line, as they come."""

    command: str
    type: Any
    lines: bool = False


_RECORDING = (
    *("ack", "assign", "release", "handover", "accept", "check", "uncheck", "severity", "state", "resolve"),
    *("reopen", "note", "confirm", "rule-out", "task", "undo", "pin", "fix", "amend", "retract", "milestone"),
    *("update", "action", "done", "section", "close", "page", "change"),
)
"""Verbs that print what they recorded."""

SHAPES: Mapping[str, Shape] = {
    "declare": Shape("declare SERVICE IMPACT", records.DeclaredShape),
    **{name: Shape(name, records.RecordedShape) for name in _RECORDING},
    "actions": Shape("actions", list[documents.ActionShape]),
    "actions-all": Shape("actions --all", list[documents.ListedActionShape]),
    "actions-track": Shape("actions track", records.RecordedShape),
    "alert": Shape("alert", list[setup.AlertShape]),
    "alerts": Shape("alerts", list[setup.AlertSourceShape]),
    "alerts-rules": Shape("alerts rules", setup.RulesShape),
    "alerts-silence": Shape("alerts silence ALERT", setup.SilenceShape),
    "backup": Shape("backup FILE", records.BackupShape),
    "brief": Shape("brief", Brief),
    "calendar": Shape("calendar", documents.CalendarShape),
    "calendar-file": Shape("calendar --output FILE", records.WrittenShape),
    "calendar-weekly": Shape("calendar --weekly", documents.CalendarShape),
    "connect": Shape("connect SERVICE", setup.ConnectedShape),
    "connect-services": Shape("connect", list[setup.ServiceShape]),
    "connect-steps": Shape("connect SERVICE --steps", setup.ConnectStepsShape),
    "contacts": Shape("contacts", list[setup.ContactShape]),
    "deliveries": Shape("deliveries", list[records.DeliveryShape]),
    "delivery": Shape("delivery ID", records.DeliveryShape),
    "demo": Shape("demo", practice.DemoShape),
    "doctor": Shape("doctor", list[setup.CheckShape]),
    "doctor-log": Shape("doctor --log", setup.DiagnosticLogShape),
    "drill-check": Shape("drill check FILE", practice.CheckedDrillShape),
    "drill-debrief": Shape("drill history INC-n", practice.DebriefShape),
    "drill-history": Shape("drill history", practice.DrillHistoryShape),
    "drill-list": Shape("drill list", list[practice.DrillShape]),
    "drill-new": Shape("drill new NAME", practice.NewDrillShape),
    "export": Shape("export", documents.ExportShape),
    "export-file": Shape("export --output FILE", records.WrittenShape),
    "help": Shape("help", list[setup.TopicShape]),
    "help-topic": Shape("help TOPIC", setup.PageShape),
    "hub": Shape("hub", hub.HubShape),
    "hub-init": Shape("hub init", hub.CreatedHubShape),
    "hub-publish": Shape("hub publish INC-n", hub.PublishedShape),
    "init": Shape("init", records.WrittenShape),
    "list": Shape("list", list[records.IncidentShape]),
    "logs": Shape("logs PATH…", setup.LogRecordShape, lines=True),
    "oncall": Shape("oncall", setup.RotaShape),
    "playbook": Shape("playbook", Mapping[str, Checklist]),
    "playbook-check": Shape("playbook check", records.PlaybookNameShape),
    "playbook-guidance": Shape("playbook guidance", Guidance),
    "playbook-phases": Shape("playbook phases", list[Phase]),
    "playbook-roles": Shape("playbook roles", list[Role]),
    "playbook-severities": Shape("playbook severities", list[Severity]),
    "playbook-templates": Shape("playbook templates", Mapping[str, Template]),
    "postmortem": Shape("postmortem", documents.PostMortemShape),
    "postmortem-accept": Shape("postmortem accept SUGGESTION", records.RecordedShape),
    "postmortem-check": Shape("postmortem check", list[documents.HintShape]),
    "postmortem-dismiss": Shape("postmortem dismiss SUGGESTION", records.RecordedShape),
    "postmortem-file": Shape("postmortem --output FILE", records.WrittenShape),
    "postmortem-publish": Shape("postmortem --publish NAME", records.RecordedShape),
    "postmortem-restore": Shape("postmortem restore SUGGESTION", records.RecordedShape),
    "postmortem-share": Shape("postmortem share", records.RecordedShape),
    "postmortem-suggestions": Shape("postmortem suggestions", list[documents.SuggestionShape]),
    "probes": Shape("probes", list[setup.ProbeShape]),
    "ready": Shape("ready", list[setup.ReadyShape]),
    "restore": Shape("restore FILE", records.RestoredShape),
    "resend": Shape("resend --all", list[records.DeliveryShape]),
    "runbook": Shape("runbook", practice.RunbookShape),
    "runbook-run": Shape("runbook --step N --run", practice.RunShape),
    "runbook-tick": Shape("runbook --step N --done", practice.TickedShape),
    "runbook-workflow": Shape("runbook --step N --run", records.RecordedShape),
    "runbooks": Shape("runbooks", list[practice.RunbookFileShape]),
    "schema": Shape("schema", Mapping[str, Any]),
    "scrub": Shape("scrub ENTRY …", list[records.ScrubbedShape]),
    "search": Shape("search WORDS", list[records.FoundShape]),
    "stats": Shape("stats", documents.FiguresShape),
    "stats-file": Shape("stats --html FILE", records.WrittenShape),
    "stats-improvement": Shape("stats --improvement", documents.ImprovementShape),
    "stats-post": Shape("stats --post", documents.PostedImprovementShape),
    "status": Shape("status", records.StatusShape),
    "status-short": Shape("status --short", records.ShortStatusShape),
    "timeline": Shape("timeline", list[records.EntryShape]),
    "update-preview": Shape("update --preview", records.PreviewShape),
    "watch": Shape("watch", setup.WatchLineShape, lines=True),
}
"""By name: the verb, and what makes it print something else."""


# ── the schema of a shape ────────────────────────────────────────────────────────────────────────────────


class _Printed(GenerateJsonSchema):
    """A schema of what is printed: a key with a default is printed too, so it is required."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Return whether the key is always there."""
        return bool(field.get("required", total)) if field["type"] == "typed-dict-field" else True


def schema(name: str) -> dict[str, Any]:
    """Return the schema of one shape, complete in itself."""
    shape = SHAPES[name]
    each = "Each line of: " if shape.lines else ""
    return {
        "$schema": DIALECT,
        "$id": f"urn:warroom:schema:{VERSION}:{name}",
        "title": f"{each}warroom {shape.command} --json",
        **{key: value for key, value in _schema_of(shape.type).items() if key != "title"},
    }


@functools.cache
def _schema_of(shape: Any) -> dict[str, Any]:
    return _as_printed(TypeAdapter(shape).json_schema(mode="serialization", schema_generator=_Printed))


def schemas() -> dict[str, Any]:
    """Return all schemas in one document, by their names."""
    return {"version": VERSION, "schemas": {name: schema(name) for name in sorted(SHAPES)}}


def _as_printed(made: dict[str, Any]) -> dict[str, Any]:
    """Return pydantic's schema without the titles it makes of names, its default values and its line breaks."""
    return {key: _plain(key, value) for key, value in made.items()}


def _plain(key: str, value: Any) -> Any:
    if key in ("properties", "$defs"):
        return {name: _plain("", below) for name, below in value.items()}
    if isinstance(value, dict):
        return {name: _plain(name, below) for name, below in value.items() if name not in ("title", "default")}
    if isinstance(value, list):
        return [_plain("", one) for one in value]
    return _described(value) if key == "description" else value


def _described(docstring: str) -> str:
    """Return a docstring as a reader of JSON knows its words."""
    return re.sub(r"\bNone\b(?! of)", "null", " ".join(docstring.replace("``", "").split()))
