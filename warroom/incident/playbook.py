"""The playbook: phases, checklists, severities, roles, templates and limits a team works by, as frozen values.

Everything a team may tune is here and comes from TOML; a team's file is laid over the shipped one. Knows no
incident, no clock and no file.
"""

import itertools
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from warroom import toml
from warroom.errors import NotFound
from warroom.incident.delivery import AUDIENCES, Audience
from warroom.toml import Mistake

FACTS = (
    "acknowledged",
    "channel-opened",
    "people-invited",
    "update-posted",
    "impact-stated",
    "severity-set",
    "evidence-pinned",
    "finding-noted",
    "hypothesis-noted",
    "decision-noted",
    "fix-recorded",
    "resolution-posted",
    "action-added",
    "postmortem-written",
    "alerts-closed",
    "postmortem-published",
    "meeting-scheduled",
)
"""What may tick an item by itself (``done_by``), besides ``role-assigned:`` with a role's id."""

ROLE_ASSIGNED = "role-assigned:"


def _inert(value: str) -> str:
    if not all(c.isprintable() or c == "\n" for c in value):
        raise ValueError("must not contain control or direction characters")
    return value


def _one_line(value: str) -> str:
    if "\n" in value:
        raise ValueError("must be one line")
    return _inert(value)


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", value):
        raise ValueError("must be at most 40 lower-case letters, digits, - and _, a letter first")
    return value


Id = Annotated[str, AfterValidator(_slug), toml.TABLE_NAME]
"""The name of the table a value is in."""
Ref = Annotated[str, Field(max_length=80), AfterValidator(_one_line)]
Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_one_line)]
Text = Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_inert)]
Minutes = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Span = Annotated[int, Field(strict=True, ge=1, le=100_000)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Phase(_Value):
    """A stretch of an incident, from ``from_minute`` up to ``to_minute`` (None: open) after it started.

    The one with ``after_resolution`` begins when the incident is resolved, whatever the minute. ``ends`` is what
    ends the phase in the figures of the incident, once that is recorded: ``fix`` is the first fix. Without it the
    minutes count.
    """

    id: Id
    title: Words
    from_minute: Minutes = 0
    to_minute: Minutes | None = None
    after_resolution: bool = False
    ends: Literal["", "acknowledged", "identified", "fix", "mitigated"] = ""
    checklist: Ref
    summary: tuple[Words, ...] = ()


class Step(_Value):
    """A timed step within a phase, with what to do in it."""

    id: Id
    title: Words
    phase: Ref
    from_minute: Minutes
    to_minute: Span
    items: tuple[Words, ...]


class Item(_Value):
    """One thing to tick. Its id is unique over the playbook.

    ``done_by`` names the fact that ticks it by itself (``FACTS``), "" if only a person can; ``probe`` the probe
    of the settings that can verify it, "" if none. ``valid_days`` is for how long the confirmation of a readiness
    item holds, 0 for ``nudges.readiness_days``.
    """

    id: Id
    text: Words
    done_by: Ref = ""
    probe: Ref = ""
    valid_days: Minutes = 0


class Checklist(_Value):
    """Items in the order to do them; ``when`` describes the part of the work they belong to."""

    id: Id
    title: Words
    when: Words
    items: tuple[Item, ...]


class Severity(_Value):
    """A severity. ``response_minutes`` until it must be acknowledged; ``update_minutes`` by audience.

    ``glyph`` is one cell that shows the severity without colour.
    """

    id: Id
    title: Words
    impact: Words
    response_minutes: Span
    update_minutes: Mapping[Audience, Span]
    example: Words
    glyph: Annotated[str, Field(min_length=1, max_length=2), AfterValidator(_one_line)]


class Role(_Value):
    """A role in the response; ``backup`` describes who fills in."""

    id: Id
    title: Words
    responsibilities: tuple[Words, ...]
    backup: Words


class Template(_Value):
    """The text of a message: ``fields`` are what a person fills in, ``text`` is Jinja, checked by the reports."""

    id: Id
    title: Words
    audience: Audience
    fields: tuple[Annotated[str, AfterValidator(_slug)], ...] = ()
    text: Text


class Alerts(_Value):
    """Names of the alert rules worth having: those that page someone, and those that can wait."""

    critical: tuple[Words, ...]
    warning: tuple[Words, ...]


class FixStrategy(_Value):
    """The questions to ask when a fix is chosen. ``as_choice`` makes an answer of one."""

    immediate_actions: tuple[Words, ...]
    permanent_solution: tuple[Words, ...]


def as_choice(question: str) -> str:
    """Return a question of the fix strategy as something to choose: "Restart services?" as "Restart services"."""
    return question.strip().removesuffix("?").rstrip()


class Pitfall(_Value):
    """A way in which incidents go wrong, and what helps."""

    id: Id
    title: Words
    problem: Words
    solutions: tuple[Words, ...]


class Guidance(_Value):
    """Advice to read, at the right moment or in quiet times."""

    purpose: Words
    challenges: tuple[Words, ...]
    monitoring: Words
    first_response: tuple[Words, ...]
    temporary_fix: tuple[Words, ...]
    permanent_fix: tuple[Words, ...]
    learning_loop: tuple[Words, ...]
    pitfalls: tuple[Pitfall, ...]
    principles: tuple[Words, ...]
    reminder: Words
    tools: Mapping[str, tuple[Words, ...]]


class Nudges(_Value):
    """After how long the console reminds people of what is missing. Units are in the names."""

    commander_minutes: Span = 2
    severity_minutes: Span = 5
    escalate_minutes: Span = 5
    handover_minutes: Span = 60
    handover_insist_minutes: Span = 180
    postmortem_hours: Span = 48
    actions_review_days: Span = 7
    drill_days: Span = 90
    readiness_days: Span = 90
    assess_minutes: Span = 5
    alerts_an_hour: Span = 10


class Playbook(_Value):
    """A team's playbook. Severities are listed worst first, phases and steps in the order of their minutes."""

    name: Words
    phases: tuple[Phase, ...]
    steps: tuple[Step, ...]
    checklists: Mapping[str, Checklist]
    severities: tuple[Severity, ...]
    roles: tuple[Role, ...]
    templates: Mapping[str, Template]
    alerts: Alerts
    fix_strategy: FixStrategy
    guidance: Guidance
    nudges: Nudges

    def phase_at(self, elapsed_minutes: float) -> Phase:
        """The phase of an unresolved incident so many minutes after it started."""
        during = [phase for phase in self.phases if not phase.after_resolution]
        begun = [phase for phase in during if phase.from_minute <= elapsed_minutes]
        return begun[-1] if begun else during[0]

    def step_at(self, elapsed_minutes: float) -> Step | None:
        """The timed step of this minute; None before, between and after them."""
        return next((s for s in self.steps if s.from_minute <= elapsed_minutes < s.to_minute), None)

    def severity(self, id: str) -> Severity:
        """The severity; ``NotFound`` with those there are."""
        return _one(self.severities, id, "severity")

    def rank(self, id: str) -> int:
        """How far a severity is from the worst, which is 0."""
        return self.severities.index(self.severity(id))

    def role(self, id: str) -> Role:
        """The role; ``NotFound`` with those there are."""
        return _one(self.roles, id, "role")

    def template(self, id: str) -> Template:
        """The template; ``NotFound`` with those there are."""
        return _one(tuple(self.templates.values()), id, "template")

    def checklist(self, id: str) -> Checklist:
        """The checklist; ``NotFound`` with those there are."""
        return _one(tuple(self.checklists.values()), id, "checklist")

    @property
    def items(self) -> tuple[Item, ...]:
        """Every item of every checklist."""
        return tuple(item for checklist in self.checklists.values() for item in checklist.items)

    def item(self, id: str) -> Item:
        """The checklist item; ``NotFound`` with near ones."""
        return _one(self.items, id, "checklist item")

    def checklist_of(self, item_id: str) -> Checklist:
        """The checklist an item is in; ``NotFound`` with similar items."""
        item = self.item(item_id)
        return next(checklist for checklist in self.checklists.values() if item in checklist.items)

    def find_items(self, text: str) -> tuple[Item, ...]:
        """The items ``text`` may refer to: the one with this id, else those whose id begins with it,
        else those with a word beginning with each of the words typed. Empty if there is none."""
        typed = text.strip().lower()
        if not typed:
            return ()
        exact = tuple(item for item in self.items if item.id == typed)
        begins = tuple(item for item in self.items if item.id.startswith(typed))
        words = typed.split()
        means = tuple(
            item for item in self.items if all(any(own.startswith(word) for own in _words(item)) for word in words)
        )
        return exact or begins or means

    def ready_until(self, item: Item, confirmed_at: datetime) -> datetime:
        """Until when a readiness item holds that was true at ``confirmed_at``."""
        return confirmed_at + timedelta(days=item.valid_days or self.nudges.readiness_days)

    def ticked_by(self, fact: str) -> tuple[Item, ...]:
        """The items a fact ticks by itself."""
        return tuple(item for item in self.items if item.done_by == fact)


T = TypeVar("T", Severity, Role, Template, Checklist, Item)


def parse(text: str, source: str) -> Playbook:
    """The playbook that ``text`` (TOML) holds. ``source`` names the file in errors.

    Raises ``SettingsError``, and nothing else, naming every mistake by line, table and key.
    """
    return _build(toml.read(text, source), text, source)


def override(base_text: str, team_text: str, source: str) -> Playbook:
    """The playbook of ``base_text`` with the parts that a team changes in ``team_text``.

    Tables are laid over by their ids, lists are replaced whole, ``remove = true`` takes an item, role, severity,
    step, template or pitfall out; what is new comes after what was there. Errors as with ``parse``, with the
    places in ``team_text``, whose name ``source`` is.
    """
    base = toml.read(base_text, "the shipped playbook")
    over = toml.read(team_text, source)
    if unfounded := list(_unfounded(base, over, ())):
        raise toml.refuse(unfounded, team_text, source)
    return _build(toml.merge(base, over), team_text, source)


# --- from tables to values -------------------------------------------------------------------------------------


class _Checklist(_Value):
    title: Words
    when: Words
    items: dict[str, Item]


class _Guidance(Guidance):
    pitfalls: dict[str, Pitfall]  # type: ignore[assignment]


class _File(_Value):
    """The file as written: what has an id is a table of that name."""

    name: Words
    phases: dict[str, Phase]
    steps: dict[str, Step]
    checklists: dict[str, _Checklist]
    severities: dict[str, Severity]
    roles: dict[str, Role]
    templates: dict[str, Template]
    alerts: Alerts
    fix_strategy: FixStrategy
    guidance: _Guidance
    nudges: Nudges = Field(default_factory=Nudges)


def _build(table: dict[str, Any], text: str, source: str) -> Playbook:
    file = toml.check(table, _File, text, source)
    if mistakes := list(_mistakes(file)):
        raise toml.refuse(mistakes, text, source)
    guidance = {name: getattr(file.guidance, name) for name in Guidance.model_fields}
    # Constructed without validation: every value in it has been validated as part of the file.
    return Playbook.model_construct(
        name=file.name,
        phases=tuple(sorted(file.phases.values(), key=lambda p: (p.after_resolution, p.from_minute))),
        steps=tuple(sorted(file.steps.values(), key=lambda s: s.from_minute)),
        checklists={
            id: Checklist.model_construct(id=id, title=c.title, when=c.when, items=tuple(c.items.values()))
            for id, c in file.checklists.items()
        },
        # What must be answered sooner is worse: a severity a team adds finds its own place.
        severities=tuple(sorted(file.severities.values(), key=lambda s: s.response_minutes)),
        roles=tuple(file.roles.values()),
        templates=file.templates,
        alerts=file.alerts,
        fix_strategy=file.fix_strategy,
        guidance=Guidance.model_construct(**guidance | {"pitfalls": tuple(file.guidance.pitfalls.values())}),
        nudges=file.nudges,
    )


# The console uses these by name; a team may change their text, but not remove them.
_NEEDED = {
    "checklists": (
        "preparation",
        "detection",
        "investigation",
        "resolution",
        "recovery",
        "post_incident",
        "improvement",
    ),
    "roles": ("incident_commander",),
    "templates": ("declaration", "update", "resolution", "postmortem"),
}


def _mistakes(file: _File) -> Iterable[Mistake]:
    """What is wrong with tables that are right each by itself."""
    for group, needed in _NEEDED.items():
        for id in needed:
            if id not in getattr(file, group):
                yield Mistake((group, id), "is missing", "The console needs it; change it instead.")
    yield from _wrong_phases(file)
    for id, step in file.steps.items():
        if step.phase not in file.phases:
            yield Mistake(("steps", id, "phase"), "no such phase", toml.allowed(file.phases, step.phase))
        if step.to_minute <= step.from_minute:
            yield Mistake(("steps", id, "to_minute"), "must be later than from_minute")
    yield from _wrong_items(file)
    if not file.severities:
        yield Mistake(("severities",), "at least one severity is needed")
    for id, severity in file.severities.items():
        for audience in AUDIENCES:
            if audience not in severity.update_minutes:
                yield Mistake(
                    ("severities", id, "update_minutes", audience), "missing key", f"Add {audience} = minutes."
                )


def _wrong_phases(file: _File) -> Iterable[Mistake]:
    for id, phase in file.phases.items():
        if phase.checklist not in file.checklists:
            yield Mistake(
                ("phases", id, "checklist"), "no such checklist", toml.allowed(file.checklists, phase.checklist)
            )
    during = sorted((p for p in file.phases.values() if not p.after_resolution), key=lambda p: p.from_minute)
    after = [p for p in file.phases.values() if p.after_resolution]
    if len(after) != 1:
        yield Mistake(("phases",), "exactly one phase must have after_resolution = true", f"{len(after)} have.")
    if not during:
        yield Mistake(("phases",), "at least one phase must have after_resolution = false")
        return
    if during[0].from_minute:
        yield Mistake(("phases", during[0].id, "from_minute"), "the first phase must begin at 0")
    for phase, following in itertools.pairwise(during):
        if phase.to_minute != following.from_minute:
            yield Mistake(
                ("phases", phase.id, "to_minute"),
                f"must be {following.from_minute}, where the phase {following.id} begins",
            )
    if during[-1].to_minute is not None:
        yield Mistake(
            ("phases", during[-1].id, "to_minute"), "the last phase before resolution has no end", "Leave it out."
        )


def _wrong_items(file: _File) -> Iterable[Mistake]:
    facts = (*FACTS, *(ROLE_ASSIGNED + role for role in file.roles))
    seen: dict[str, str] = {}
    for id, checklist in file.checklists.items():
        for item in checklist.items.values():
            path = ("checklists", id, "items", item.id)
            if item.id in seen:
                yield Mistake(path, f"is already in the checklist {seen[item.id]}", "Give it another id.")
            seen[item.id] = id
            if item.done_by and item.done_by not in facts:
                yield Mistake((*path, "done_by"), "is not a choice", toml.allowed(facts, item.done_by))


def _unfounded(base: Any, over: Mapping[str, Any], path: toml.Path) -> Iterable[Mistake]:
    """``remove = true`` where there is nothing to remove, or with more beside it."""
    for key, value in over.items():
        if not isinstance(value, dict):
            continue
        below = base.get(key) if isinstance(base, dict) else None
        if value.get("remove") is not True:
            yield from _unfounded(below, value, (*path, key))
        elif not path:
            yield Mistake((key, "remove"), "only single entries can be removed", "Remove its entries one by one.")
        elif not isinstance(below, dict):
            there = [name for name, table in base.items() if isinstance(table, dict)] if base else []
            yield Mistake((*path, key), "there is no such entry to remove", toml.allowed(there, key))


def _one(values: tuple[T, ...], id: str, what: str) -> T:
    for value in values:
        if value.id == id:
            return value
    raise NotFound(f"no {what} {toml.plain(id)}", toml.allowed([value.id for value in values], id))


def _words(item: Item) -> list[str]:
    return [word.strip("(),.") for word in item.text.lower().split()] + item.id.replace("_", "-").split("-")
