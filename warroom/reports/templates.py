"""Message templates: checked, and filled with values.

Templates come from a playbook, which may be from someone else. They run in jinja2's sandbox, in a subset of its
language that has no calls, arithmetic, assignments or nested loops: a template cannot read anything but its values,
run for long or produce more text than its own length times its values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from warroom import toml
from warroom.errors import SettingsError
from warroom.incident.playbook import Playbook
from warroom.toml import Mistake

if TYPE_CHECKING:
    import jinja2
    from jinja2 import nodes

COMMON_FIELDS = (
    "incident",
    "title",
    "service",
    "severity",
    "status",
    "time",
    "started",
    "mitigated",
    "resolved",
    "duration",
    "commander",
    "minutes",
)
"""The fields every template has besides its own."""

MAX_LENGTH = 20_000
"""The longest text a message template may produce, in characters."""


def render(text: str, values: Mapping[str, str], *, name: str = "", max_length: int = MAX_LENGTH) -> str:
    """Fill the template ``text`` with ``values``.

    A line whose expressions are all empty is dropped, and repeated blank lines become one. ``name`` is the
    template's id, for errors. Raises ``SettingsError`` for a template that cannot be parsed, uses an unknown field
    (the message lists the known ones) or produces more than ``max_length`` characters.
    """
    template = _compiled(text, frozenset(values), name)
    safe_values = {key: _MARKS.sub("", value) for key, value in values.items()}
    from jinja2 import TemplateError

    parts: list[str] = []
    length = 0
    try:
        for part in template.generate(safe_values):
            parts.append(part)
            length += len(part)
            if length > max_length + len(text):
                remedy = "Shorten its fields."
                raise SettingsError(f"produces more than {max_length:,} characters", remedy, place=_location(name))
    except (TemplateError, TypeError, ValueError) as error:  # a loop over a number, a filter without its argument
        raise SettingsError(f"cannot be filled: {toml.plain(str(error), 200)}", place=_location(name)) from None
    return _drop_empty_lines("".join(parts))


def check_templates(playbook: Playbook, source: str) -> None:
    """Raise ``SettingsError`` if a template of ``playbook`` cannot be used: which one, why, and what is allowed.

    ``source`` is the name of the file, for the message.
    """
    problems: list[str] = []
    remedies: list[str] = []
    for template in playbook.templates.values():
        names = {*COMMON_FIELDS, *template.fields}
        mistakes = list(_mistakes(template.text, names))
        problems += [f"{_location(template.id)}: {mistake.what}" for mistake in mistakes]
        remedies += [mistake.remedy for mistake in mistakes if mistake.remedy]
        try:
            for sample in () if mistakes else ("", "x\ny"):
                render(template.text, dict.fromkeys(names, sample), name=template.id)
        except SettingsError as error:
            problems.append(error.title)
    if problems:
        raise SettingsError("\n".join(problems), "\n".join(dict.fromkeys(remedies)), place=toml.plain(source))


_MARKS = re.compile("[\x02\x03]")
_TOKENS = re.compile("([\x02\x03\n])")


def _location(name: str) -> str:
    return f"[templates.{toml.plain(name)}] text" if name else "the template"


@lru_cache(maxsize=128)
def _compiled(text: str, names: frozenset[str], name: str) -> jinja2.Template:
    mistakes = list(_mistakes(text, names))
    if mistakes:
        what = "\n".join(mistake.what for mistake in mistakes)
        raise SettingsError(what, mistakes[0].remedy, place=_location(name))
    try:
        return _environment().from_string(text)
    except (SyntaxError, RecursionError, MemoryError):  # blocks nested deeper than Python can compile
        raise SettingsError("is nested too deeply", "Make it flatter.", place=_location(name)) from None


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    env = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: f"\x02{value}\x03",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,  # plain text; to_html escapes it
    )
    builtin = {key: env.filters[key] for key in ("upper", "lower", "capitalize", "title", "trim", "length")}
    env.filters.clear()
    env.filters |= builtin | {
        "bullets": _bullets,
        "lines": _lines,
        "at": lambda value: f"at {value}" if value else "",
        "default": lambda value, other: value or other,
        "first": lambda value: next(iter(_lines(value)), ""),
        "last": lambda value: next(reversed(_lines(value)), ""),
    }
    env.globals.clear()
    env.tests.clear()
    return env


def _lines(value: Any) -> list[str]:
    return [line.strip() for line in str(value).splitlines() if line.strip()]


def _bullets(value: Any) -> str:
    lines = _lines(value)
    return lines[0] if len(lines) == 1 else "".join(f"\n- {line}" for line in lines)


def _mistakes(text: str, names: Collection[str]) -> Iterable[Mistake]:
    """Yield why the template cannot be used. Parses it and does not run it."""
    import jinja2
    from jinja2 import nodes

    try:
        tree = _environment().parse(text)
        depth = _depth(tree, nodes.For)
        for node in tree.find_all(nodes.Node):
            if mistake := _mistake(node, nodes):
                yield mistake
                return
        if depth > 1:
            yield Mistake((), "has a loop inside a loop", "Use one loop at a time.")
        from jinja2 import meta

        used = meta.find_undeclared_variables(tree)
        used |= {n.name for n in tree.find_all(nodes.Name) if n.name in ("self", "loop", "caller", "super")}
        for unknown in sorted(used - set(names)):
            yield Mistake((), f"there is no field {toml.plain(unknown)}", toml.allowed(sorted(names), unknown))
    except jinja2.TemplateSyntaxError as error:
        what = toml.plain(str(error.message), 200)
        yield Mistake((), f"line {error.lineno}: {what}", f"Filters: {', '.join(sorted(_environment().filters))}.")
    except RecursionError:
        yield Mistake((), "is nested too deeply", "Make it flatter.")
    except ValueError:  # a number of thousands of digits
        yield Mistake((), "has a number that is too large")


def _depth(node: nodes.Node, kind: type[nodes.Node]) -> int:
    below = max((_depth(child, kind) for child in node.iter_child_nodes()), default=0)
    return below + isinstance(node, kind)


_ALLOWED = frozenset(
    {
        "Template",
        "Output",
        "TemplateData",
        "Name",
        "Const",
        "Filter",
        "If",
        "For",
        "CondExpr",
        "Compare",
        "Operand",
        "And",
        "Or",
        "Not",
    }
)


def _mistake(node: nodes.Node, nodes: Any) -> Mistake | None:
    kind = type(node).__name__
    if kind not in _ALLOWED or (kind == "For" and getattr(node, "recursive", False)):
        syntax = {"Call": "a call", "Assign": "{% set %}", "Getattr": "a dot", "Getitem": "[ ]", "Test": "is …"}
        found = syntax.get(kind, kind)
        return Mistake(
            (), f"line {node.lineno}: {found} is not allowed", "Use {{ }}, {% if %}, {% for %}, filters."
        )
    known = _environment().filters
    if kind == "Filter" and getattr(node, "name", "") not in known:
        name = getattr(node, "name", "")
        return Mistake((), f"line {node.lineno}: no filter {toml.plain(name)}", toml.allowed(sorted(known), name))
    return None


def _drop_empty_lines(text: str) -> str:
    """Drop the lines whose marked expressions are all blank, and the marks."""
    kept: list[str] = []
    line: list[str] = []
    depth, marked, filled = 0, False, False
    for token in [*_TOKENS.split(text), "\n"]:
        if token == "\n" and depth == 0:
            if filled or not marked:
                kept.append("".join(line))
            line, marked, filled = [], False, False
        elif token == "\x02":
            depth, marked = depth + 1, True
        elif token == "\x03":
            depth -= 1
        else:
            filled = filled or (depth > 0 and bool(token.strip()))
            line.append(token)
    return re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", "\n".join(kept)).strip("\n")
