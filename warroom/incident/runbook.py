"""Runbooks: Markdown for people, read as steps that can be ticked and commands that can be run. Opens no file.

A runbook may begin with a header between two lines ``---``, which GitHub shows as a table:

    ---
    services: [checkout-api]
    alerts: [CheckoutErrors, "Payment*"]
    drills: true
    ---

Its steps are the task items (``- [ ]``), else the items of ordered lists, else the headings of the second level and
below. A fenced block ``sh`` or ``workflow`` belongs to the step before it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from markdown_it.token import Token

MOST_STEPS = 200
LONGEST_TITLE = 300

PassageKind = Literal["text", "code", "sh", "workflow"]
Value = str | list[str] | dict[str, str]
Keys = dict[str, tuple[Value, int]]
"""What is written in a header or a workflow block: each key with its value and its line."""

Runnable = ("sh", "workflow")
"""The languages of fenced blocks that can be carried out."""


@dataclass(frozen=True, slots=True)
class RunbookProblem:
    """What is wrong in a runbook, and in which line (from 1)."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph, or a fenced block. ``line`` is where its text begins, from 1."""

    kind: PassageKind
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class RunbookStep:
    """Something to do. ``id`` depends on the words of the step and its heading alone, ``number`` counts from 1."""

    id: str
    number: int
    title: str
    line: int
    passages: tuple[Passage, ...] = ()

    @property
    def blocks(self) -> tuple[Passage, ...]:
        """What can be run or dispatched, in order."""
        return tuple(one for one in self.passages if one.kind in Runnable)


@dataclass(frozen=True, slots=True)
class RunbookSection:
    """A heading ("" at the beginning), what is to be read below it, and its steps."""

    title: str
    passages: tuple[Passage, ...]
    steps: tuple[RunbookStep, ...]


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook as it was read. ``name`` is its file's, without the ending."""

    name: str
    title: str
    services: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    """Names of alerts; * matches any characters."""
    drills: bool = False
    """Whether its commands may run in a drill."""
    sections: tuple[RunbookSection, ...] = ()
    problems: tuple[RunbookProblem, ...] = ()

    @property
    def steps(self) -> tuple[RunbookStep, ...]:
        """All steps, in order."""
        return tuple(step for section in self.sections for step in section.steps)

    def step(self, step_id: str) -> RunbookStep | None:
        """The step of that id, or None."""
        return next((step for step in self.steps if step.id == step_id), None)

    def matches(self, service: str, alerts: Iterable[str] = ()) -> str:
        """Say why this runbook is about an incident of ``service`` with these alerts; "" if it is not.

        One that names services is about no other. Case does not matter.
        """
        service = service.casefold()
        named = [one.casefold() for one in self.services]
        if named and service not in named:
            return ""
        for alert in alerts:
            if any(fnmatchcase(alert.casefold(), pattern.casefold()) for pattern in self.alerts):
                return f"alert {alert}"
        if named:
            return f"service {service}"
        return "its file name" if service and self.name.rpartition("/")[2].casefold() == service else ""


@dataclass(frozen=True, slots=True)
class WorkflowCall:
    """A workflow to dispatch, as a fenced ``workflow`` block names it."""

    repository: str
    workflow: str
    ref: str
    inputs: Mapping[str, str] = field(default_factory=dict)


def parse_runbook(text: str, name: str) -> Runbook:
    """Read a runbook. Never raises: what cannot be read is in its ``problems``."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header, body_at, problems = _split_header(lines)
    keys, wrong = read_keys(header, 2)
    problems += wrong
    body = [""] * body_at + lines[body_at:]  # the lines keep their numbers
    reader = _Reader(_tokens("\n".join(body)))
    sections = reader.read()
    problems += reader.problems
    title = _one(keys, "title", 0, problems) or reader.title or name.rpartition("/")[2]
    drills = _truth(keys, "drills", problems)
    problems += _misspelt(keys)
    if not any(section.steps for section in sections):
        problems.append(
            RunbookProblem(body_at + 1, "there is no step: write - [ ] items, a numbered list or headings")
        )
    return Runbook(
        name,
        title[:LONGEST_TITLE],
        _several(keys, "services"),
        _several(keys, "alerts"),
        drills,
        sections,
        tuple(sorted(problems, key=lambda one: one.line)),
    )


def _misspelt(keys: Keys) -> list[RunbookProblem]:
    """Keys that are nearly one that is read. Others are left alone: other tools have their own."""
    return [
        RunbookProblem(line, f"{key} is not read; write {known}")
        for key, (_, line) in keys.items()
        for known in ("title", "services", "alerts", "drills")
        if key != known and key.rstrip("s").casefold() == known.rstrip("s")
    ]


# ── the header, and the inside of a workflow block ────────────────────────────────────────────────────────

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,79})[ \t]*:(?:[ \t]+(.*)|[ \t]*)")


def read_keys(lines: Sequence[str], first: int) -> tuple[Keys, list[RunbookProblem]]:
    """Read ``key: value`` lines, a small part of YAML: text, ``[a, b]``, and indented ``- item`` or ``key: value``.

    ``first`` is the number of the first line. What else there may be in YAML is a problem, and left out.
    """
    keys: Keys = {}
    problems: list[RunbookProblem] = []
    current = ""
    for number, line in enumerate(lines, first):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        if line[0] in " \t-" and current:
            _add_nested(keys, current, content, number, problems)
            continue
        found = _KEY.fullmatch(content)
        if not found or line[0] in " \t":
            problems.append(RunbookProblem(number, "this line is not read; write key: value"))
            current = ""
            continue
        current = found[1]
        value = _scalar(found[2] or "")
        if value.startswith("[") and not found[2].startswith(("'", '"')):
            keys[current] = (_flow_list(value, number, problems), number)
        else:
            keys[current] = (value, number)
    return keys, problems


def _add_nested(keys: Keys, key: str, content: str, number: int, problems: list[RunbookProblem]) -> None:
    value, line = keys[key]
    item = re.fullmatch(r"-(?:[ \t]+(.*))?", content)
    pair = _KEY.fullmatch(content)
    if item and (value == "" or isinstance(value, list)):
        keys[key] = ([*(value or []), _scalar(item[1] or "")], line)
    elif pair and (value == "" or isinstance(value, dict)):
        keys[key] = ({**(value or {}), pair[1]: _scalar(pair[2] or "")}, line)  # type: ignore[dict-item]
    else:
        problems.append(RunbookProblem(number, f"this line is not read as a part of {key}"))


def _scalar(text: str) -> str:
    text = text.strip()
    quoted = re.fullmatch(r"""("|')(.*?)\1[ \t]*(?:#.*)?""", text)
    if quoted:
        return quoted[2]
    return re.split(r"(?:^|[ \t])#", text, maxsplit=1)[0].strip()


def _flow_list(value: str, number: int, problems: list[RunbookProblem]) -> list[str]:
    if not value.endswith("]"):
        problems.append(RunbookProblem(number, "a list in brackets ends on its line: [a, b]"))
        return []
    parts = re.findall(r"""\s*("[^"]*"|'[^']*'|[^,]*)(?:,|$)""", value[1:-1].strip())
    return [text for part in parts if (text := _scalar(part))]


def _split_header(lines: Sequence[str]) -> tuple[Sequence[str], int, list[RunbookProblem]]:
    """The lines of the header, the index of the first line after it, and what is wrong with it."""
    if not lines or lines[0].removeprefix("\ufeff").rstrip() != "---":
        return (), 0, []
    for place, line in enumerate(lines[1:], 1):
        if line.rstrip() in ("---", "..."):
            return lines[1:place], place + 1, []
    return (), 0, [RunbookProblem(1, "the header has no end: a second line ---")]


def _one(keys: Keys, key: str, first: int, problems: list[RunbookProblem]) -> str:
    value, line = keys.get(key, ("", first))
    if isinstance(value, str):
        return " ".join(value.split())
    problems.append(RunbookProblem(line, f"{key} is one text"))
    return ""


def _several(keys: Keys, key: str) -> tuple[str, ...]:
    value, _ = keys.get(key, ("", 0))
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(value) if isinstance(value, list) else ()


def _truth(keys: Keys, key: str, problems: list[RunbookProblem]) -> bool:
    value, line = keys.get(key, ("false", 0))
    if value not in ("true", "false"):
        problems.append(RunbookProblem(line, f"{key} is true or false"))
    return value == "true"


def read_workflow(block: Passage) -> tuple[WorkflowCall | None, list[RunbookProblem]]:
    """Read a fenced ``workflow`` block: ``repo``, ``workflow``, ``ref`` (main by default) and ``inputs``."""
    keys, problems = read_keys(block.text.split("\n"), block.line)
    repository = _one(keys, "repo", block.line, problems)
    workflow = _one(keys, "workflow", block.line, problems)
    ref = _one(keys, "ref", block.line, problems) or "main"
    inputs, line = keys.get("inputs", ("", block.line))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}", repository):
        problems.append(RunbookProblem(block.line, "a workflow needs repo: OWNER/NAME"))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", workflow):
        problems.append(RunbookProblem(block.line, "a workflow needs workflow: FILE.yml, or its number"))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}", ref):
        problems.append(RunbookProblem(block.line, "ref is a branch or a tag"))
    if not isinstance(inputs, dict) and inputs:
        problems.append(RunbookProblem(line, "inputs are indented lines key: value"))
    for key, (_, at) in keys.items():
        if key not in ("repo", "workflow", "ref", "inputs"):
            problems.append(RunbookProblem(at, f"{key} is not read; a workflow has repo, workflow, ref and inputs"))
    if problems:
        return None, problems
    return WorkflowCall(repository, workflow, ref, inputs if isinstance(inputs, dict) else {}), []


# ── the Markdown ──────────────────────────────────────────────────────────────────────────────────────────

_TASK = re.compile(r"\[[ xX]\][ \t]+")
Mode = Literal["tasks", "ordered", "headings"]


def _tokens(text: str) -> list[Token]:
    from markdown_it import MarkdownIt  # loaded once somebody opens a runbook

    return MarkdownIt("commonmark", {"maxNesting": 20}).parse(text)


class _Reader:
    """Goes through the tokens once and collects sections and steps."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.title = ""
        self.problems: list[RunbookProblem] = []
        self._tokens = tokens
        self._mode = self._find_mode()
        self._heading = ""
        self._passages: list[Passage] = []
        self._steps: list[RunbookStep] = []
        self._inside: list[Passage] | None = None  # the passages of the step that is being read
        self._draft: tuple[str, int] | None = None  # its title and line
        self._sections: list[RunbookSection] = []
        self._count = 0
        self._ids: dict[str, int] = {}
        self._awaits_title = False

    def _find_mode(self) -> Mode:
        if any(self._starts_task(place) for place, token in enumerate(self._tokens)):
            return "tasks"
        if any(token.type == "ordered_list_open" and token.level == 0 for token in self._tokens):
            return "ordered"
        return "headings"

    def _starts_task(self, place: int) -> bool:
        if self._tokens[place].type != "list_item_open":
            return False
        first = next((one for one in self._tokens[place + 1 : place + 3] if one.type == "inline"), None)
        return bool(first and _TASK.match(first.content))

    def _starts_step(self, place: int) -> bool:
        if self._mode == "tasks":
            return self._starts_task(place)
        token = self._tokens[place]
        return (
            self._mode == "ordered"
            and token.type == "list_item_open"
            and token.level == 1
            and token.markup in (".", ")")
        )

    def read(self) -> tuple[RunbookSection, ...]:
        """The sections that have something in them."""
        heading = False
        for place, token in enumerate(self._tokens):
            line = (token.map[0] + 1) if token.map else 0
            if token.type == "heading_open":
                heading = True
                self._begin_heading(token.tag, line, _plain(self._tokens[place + 1]))
            elif token.type == "heading_close":
                heading = False
            elif self._starts_step(place):
                self._begin_step("", line)
                self._awaits_title = True
            elif token.type == "inline" and not heading:
                self._add_inline(token, line)
            elif token.type == "fence":
                self._add_fence(token, line)
            elif token.type == "code_block":
                self._add(Passage("code", token.content.rstrip("\n"), line))
            elif token.type == "html_block" and not token.content.lstrip().startswith("<!--"):
                self._add(Passage("text", token.content.strip(), line))
        self._end_section()
        return tuple(one for one in self._sections if one.title or one.passages or one.steps)

    def _begin_heading(self, tag: str, line: int, text: str) -> None:
        if tag == "h1" and not self.title:
            self.title = text
        elif self._mode == "headings":
            self._begin_step(text, line)
        else:
            self._end_section()
            self._heading = text

    def _begin_step(self, title: str, line: int) -> None:
        self._end_step()
        self._draft, self._inside = (title, line), []

    def _add_inline(self, token: Token, line: int) -> None:
        text = _plain(token)
        if self._awaits_title and self._draft:
            self._draft = (_TASK.sub("", text, count=1) if self._mode == "tasks" else text, self._draft[1])
            self._awaits_title = False
        elif text:
            self._add(Passage("text", text, line))

    def _add_fence(self, token: Token, line: int) -> None:
        language = (token.info.split() or [""])[0].lower()
        kind: PassageKind = "sh" if language == "sh" else "workflow" if language == "workflow" else "code"
        block = Passage(kind, token.content.rstrip("\n"), line + 1)
        if kind in Runnable and self._inside is None:
            self.problems.append(
                RunbookProblem(
                    line, f"this {language} block comes before the first step of its section, so it cannot be run"
                )
            )
            block = Passage("code", block.text, block.line)
        elif kind == "workflow":
            self.problems += read_workflow(block)[1]
        self._add(block)

    def _add(self, passage: Passage) -> None:
        self._awaits_title = False
        (self._passages if self._inside is None else self._inside).append(passage)

    def _end_step(self) -> None:
        if self._draft is None or self._inside is None:
            return
        title, line = self._draft
        self._count += 1
        if self._count <= MOST_STEPS:
            title = (title or "(no text)")[:LONGEST_TITLE]
            self._steps.append(RunbookStep(self._new_id(title), self._count, title, line, tuple(self._inside)))
        elif self._count == MOST_STEPS + 1:
            self.problems.append(RunbookProblem(line, f"only the first {MOST_STEPS} steps are read"))
        self._draft = self._inside = None
        self._awaits_title = False

    def _new_id(self, title: str) -> str:
        made = hashlib.sha256(f"{self._heading}\x1f{title}".encode("utf-8", "replace")).hexdigest()[:12]
        again = self._ids[made] = self._ids.get(made, 0) + 1
        return made if again == 1 else f"{made}-{again}"

    def _end_section(self) -> None:
        self._end_step()
        self._sections.append(RunbookSection(self._heading, tuple(self._passages), tuple(self._steps)))
        self._passages, self._steps = [], []


def _plain(token: Token) -> str:
    """The text of a line without the marks of Markdown; a link is followed by its address."""
    parts: list[str] = []
    addresses: list[str] = []
    for child in token.children or ():
        if child.type == "link_open":
            addresses.append(str(child.attrGet("href") or ""))
        elif child.type == "link_close":
            address = addresses.pop() if addresses else ""
            if address and address != "".join(parts[-1:]):
                parts.append(f" ({address})")
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "code_inline":
            parts.append(f"`{child.content}`")
        else:
            parts.append(child.content)
    return " ".join("".join(parts).split())
