"""Reads TOML text into a pydantic model and names every mistake by file, line, table and key. Never opens a file.

A mistake reads ``warroom.toml:14 [services.checkout] lgo: unknown key`` with what is allowed there. All
mistakes are reported at once. Values are not repeated, except numbers and single short words where a choice was
expected: a token pasted into the wrong line must not end up on a shared screen.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from warroom.errors import SettingsError

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]
"""The path of a value: keys, and positions (from 0) in lists and arrays of tables."""


class _TableName:
    """See ``TABLE_NAME``."""


TABLE_NAME = _TableName()
"""Marks a field, ``Annotated[str, TABLE_NAME]``, that holds the name of the table its model is in, as in
``[services.checkout]``. It is filled in from there, and is not a key of its own."""

_AT_MOST = 20
_LAST = 1 << 60  # sorts what is in no line after everything that is
_LONG_LIST = 30  # words: a longer list hides the one that was meant
_SENSITIVE = re.compile(r"token|secret|pass|pwd|url|uri|header|key|auth|cred|cookie|sig|dsn|webhook", re.IGNORECASE)
_WORD = re.compile(r"[\w.-]{1,16}")

_DATE = "a date such as 2026-01-05"
_DATE_AND_TIME = "a date with a time such as 2026-01-05T09:00:00"
_TIME = "a time of day such as 09:00"
_WANTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "too_short": "a list with at least one entry",
    "datetime_type": _DATE_AND_TIME,
    "datetime_parsing": _DATE_AND_TIME,
    "datetime_from_date_parsing": _DATE_AND_TIME,
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "time_type": _TIME,
    "time_parsing": _TIME,
}


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong at ``path``, and what is allowed there instead."""

    path: Path
    what: str
    remedy: str = ""
    table: bool = False
    """Whether the whole table at ``path`` is meant, and no key of the table around it."""


def parse(text: str, model: type[M], source: str) -> M:
    """The ``model`` that ``text`` holds. ``source`` is the file's name as people know it.

    Raises ``SettingsError``, and nothing else, for whatever is wrong with the text.
    """
    return check(read(text, source), model, text, source)


def read(text: str, source: str) -> dict[str, Any]:
    """Parse ``text`` without validation; ``SettingsError`` with the line if it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, line = _syntax(str(error), text)
        raise SettingsError(
            f"not valid TOML: {what}",
            "Correct this line; TOML is described at toml.io.",
            place=f"{plain(source)}:{line}",
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits; lists nested a thousand deep
        raise SettingsError(
            "a value is too large or nested too deeply to be read", "Make it smaller.", place=plain(source)
        ) from None


def check(table: Mapping[str, Any], model: type[M], text: str, source: str) -> M:
    """The ``model`` that ``table`` holds; mistakes are looked up in ``text``, from which it was read.

    For a table merged from two texts give the one a person wrote: what is wrong is most likely there.
    """
    mistakes: list[Mistake] = []
    try:
        named = _named(table, model, (), mistakes)
        if not mistakes:
            return model.model_validate(named)
    except ValidationError as error:
        rows = error.errors(include_url=False)
        mistakes = _one_a_place(
            _mistake(row["type"], row["loc"], row["msg"], row["input"], row.get("ctx", {}), table, model)
            for row in rows
            if not (row["type"] == "too_short" and _has_mistake_within(row["loc"], rows))
        )
    except RecursionError:
        raise SettingsError("nested too deeply to be read", "Make it flatter.", place=plain(source)) from None
    raise refuse(mistakes, text, source)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``over`` laid on it: tables key by key, anything else (lists too) replaced whole.

    A table in ``over`` with ``remove = true`` takes the table of that name out. OutboxItem is that of ``base``,
    new keys after it. Neither argument is changed.
    """
    merged: dict[str, Any] = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and value.get("remove") is True and isinstance(below, dict):
            del merged[key]
        elif isinstance(value, dict) and isinstance(below, dict):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def refuse(mistakes: Sequence[Mistake], text: str, source: str) -> SettingsError:
    """The error to raise for ``mistakes`` (at least one), each with its place in ``text``; one a line."""
    lines = _lines(text)
    rows: list[tuple[str, Mistake]] = []
    for mistake in sorted(mistakes, key=lambda mistake: _line(mistake.path, lines) or _LAST):
        row = (_place(mistake, lines, source), mistake)
        if row not in rows:
            rows.append(row)
    place, first = rows[0]
    if len(rows) == 1:
        return SettingsError(first.what, first.remedy, place=place)
    messages = [_sentences(first), *(f"{at}: {_sentences(mistake)}" for at, mistake in rows[1:_AT_MOST])]
    if len(rows) > _AT_MOST:
        messages.append(f"… and {len(rows) - _AT_MOST} more")
    remedy = f"Correct all {len(rows)} places; nothing of the file is used."
    return SettingsError("\n".join(messages), remedy, place=place)


def allowed(words: Iterable[str], typed: str = "") -> str:
    """``Did you mean "log"? Allowed: log, name`` for a remedy; the guess only where one is near."""
    words = list(words)
    import difflib  # only needed once something is wrong

    near = difflib.get_close_matches(typed.lower(), words, n=1, cutoff=0.6) if len(typed) <= 60 else []
    guess = f'Did you mean "{plain(near[0])}"? ' if near else ""
    if near and len(words) > _LONG_LIST:
        return guess.strip()
    listed = ", ".join(plain(word) for word in words) or "nothing"
    return f"{guess}Allowed: {listed}."


def _sentences(mistake: Mistake) -> str:
    end = "" if mistake.what.endswith((".", "?")) else "."
    return f"{mistake.what}{end}" + (f" {mistake.remedy}" if mistake.remedy else "")


def plain(word: str, limit: int = 60) -> str:
    """``word`` with control and direction characters spelled out (``\\x1b``, ``\\u202e``), cut to ``limit``."""
    cut = word if len(word) <= limit else word[: limit - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


# --- pydantic's errors, reworded --------------------------------------------------------------


def _syntax(message: str, text: str) -> tuple[str, int]:
    """tomllib's message and line apart; at the end of the document that is the last line with anything on it."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    if not found:
        return plain(message, 200), 1
    line = int(found[2]) if found[2] else text.rstrip().count("\n") + 1
    what = found[1][:1].lower() + found[1][1:]
    return plain(what, 200), line


def _mistake(
    sort: str,
    loc: tuple[str | int, ...],
    message: str,
    value: object,
    ctx: Mapping[str, Any],
    table: Mapping[str, Any],
    model: type[BaseModel],
) -> Mistake:
    path = _path(loc, table, keep_last=sort == "missing")
    if sort == "extra_forbidden":
        return Mistake(path, "unknown key", allowed(_keys(model, path[:-1], table), str(path[-1]) if path else ""))
    if sort == "missing":
        return Mistake(path, "missing key", f"Add {plain(str(path[-1]))} = … here." if path else "Add it.")
    if sort in {"literal_error", "enum", "union_tag_invalid"}:
        words = _choices(ctx)
        return Mistake(path, f"{_echo(path, value)} is not a choice", allowed(words, str(value)))
    if sort in _WANTED:
        found = "" if sort.endswith("_parsing") and isinstance(value, str) else f", not {_found(value)}"
        if isinstance(value, float) and sort.startswith("int_"):
            found = f", not {_echo(path, value)}"
        return Mistake(path, f"must be {_WANTED[sort]}{found}", _bracket_remedy(sort, path, value))
    if sort == "union_tag_not_found":
        return Mistake(path, "missing key", f"Add {plain(str(ctx.get('discriminator', '')))} = … here.")
    what = re.sub(r"^(Value error|Assertion failed), ", "", message)
    what = re.sub(r"^(Input|String|List|Tuple|Dictionary|Value) should ", "must ", what)
    what = what.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    if isinstance(value, str) and len(value) > 3:  # a validator's words may repeat what it was given
        what = what.replace(value, _echo(path, value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        what += f", not {_echo(path, value)}"
    return Mistake(path, plain(what, 300), table=isinstance(value, Mapping) and sort == "value_error")


def _one_a_place(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """The mistakes, those at one place (each member of a union has its own) as one: ``must be … or …``."""
    by_path: dict[Path, list[Mistake]] = {}
    for mistake in mistakes:
        by_path.setdefault(mistake.path, []).append(mistake)
    merged = []
    for path, here in by_path.items():
        wanted = [
            found for one in here if (found := re.fullmatch(r"must be (.*?)(, not .*)?", one.what, re.DOTALL))
        ]
        if len(here) > 1 and len(wanted) == len(here):
            kinds = dict.fromkeys(found[1] for found in wanted)
            merged.append(Mistake(path, f"must be {' or '.join(kinds)}{wanted[0][2] or ''}", here[0].remedy))
        else:
            merged += here
    return merged


def _has_mistake_within(loc: tuple[str | int, ...], rows: Sequence[Any]) -> bool:
    return any(len(row["loc"]) > len(loc) and row["loc"][: len(loc)] == loc for row in rows)


def _bracket_remedy(sort: str, path: Path, value: object) -> str:
    """What to write where a list and a table, or a single value, were taken for each other."""
    name = ".".join(plain(str(part)) for part in path if isinstance(part, str))
    if _WANTED[sort] == "a list":
        if isinstance(value, Mapping):
            return f"Write [[{name}]], in two brackets."
        return "Put it in brackets: [ … ]."
    if _WANTED[sort] == "a table" and isinstance(value, list) and value and isinstance(value[0], Mapping):
        return f"Write [{name}.NAME], in one bracket and with a name of its own."
    return ""


def _choices(ctx: Mapping[str, Any]) -> list[str]:
    expected = str(ctx.get("expected") or ctx.get("expected_tags") or "")
    return re.findall(r"'([^']*)'", expected) or [expected]


def _echo(path: Path, value: object) -> str:
    """The value where it may be shown: numbers and short words, not under a key that may hold a secret."""
    if any(isinstance(part, str) and _SENSITIVE.search(part) for part in path):
        return "the value"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and abs(value) < 1e15:
        return str(value)
    if isinstance(value, str) and _WORD.fullmatch(value):
        return f'"{plain(value)}"'
    return "the value"


def _found(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | tuple) and not value:
        return "an empty one"
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list | tuple) else "a date or time"


def _path(loc: tuple[str | int, ...], table: Mapping[str, Any], *, keep_last: bool) -> Path:
    """pydantic's location without the parts that are in no file: names of union members, ``[key]``."""
    path: list[str | int] = []
    here: Any = table
    for number, part in enumerate(loc):
        listed = isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)
        if listed or (isinstance(here, Mapping) and part in here):
            here = here[part]
        elif not (keep_last and number == len(loc) - 1):
            continue
        path.append(part)
    return tuple(path)


def _keys(model: type[BaseModel], path: Path, table: Mapping[str, Any]) -> list[str]:
    """The keys a table at ``path`` may have, by the annotations; where it may be one of several, all of theirs."""
    kinds: list[Any] = [model]
    here: Any = table
    for part in path:
        here = here[part]
        below: list[Any] = []
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                below += [f.annotation for n, f in kind.model_fields.items() if (f.alias or n) == part]
            else:
                arguments = [a for a in typing.get_args(kind) if a is not Ellipsis]
                below += arguments[-1:]  # what a list holds, or the values of a mapping
        kinds = [member for kind in below for member in _members(kind)]
    keys: list[str] = []
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            own = _own_name(kind)
            keys += [f.alias or n for n, f in kind.model_fields.items() if n != own and (f.alias or n) not in keys]
    return keys


def _own_name(model: type[BaseModel]) -> str:
    """The field marked with ``TABLE_NAME``, or ""."""
    return next((n for n, field in model.model_fields.items() if TABLE_NAME in field.metadata), "")


def _named(table: Mapping[str, Any], model: type[BaseModel], path: Path, mistakes: list[Mistake]) -> dict[str, Any]:
    """A copy of ``table`` in which every model with a ``TABLE_NAME`` field has its table's name."""
    filled = dict(table)
    for name, field in model.model_fields.items():
        key = field.alias or name
        below = filled.get(key)
        if not isinstance(below, dict):
            continue
        for kind in _members(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                filled[key] = _named(below, kind, (*path, key), mistakes)
            arguments = typing.get_args(kind)
            if not (arguments and isinstance(arguments[-1], type) and issubclass(arguments[-1], BaseModel)):
                continue
            rows: dict[str, Any] = {}
            own = _own_name(arguments[-1])
            for called, row in below.items():
                at = (*path, key, called)
                rows[called] = _named(row, arguments[-1], at, mistakes) if isinstance(row, dict) else row
                if own and isinstance(row, dict):
                    if own in row:
                        keys = [k for k in arguments[-1].model_fields if k != own]
                        mistakes.append(Mistake((*at, own), "unknown key: the table's name says it", allowed(keys)))
                    rows[called][own] = called
            filled[key] = rows
    return filled


def _members(kind: Any) -> list[Any]:
    """A union's members, an annotation's bare type."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _members(typing.get_args(kind)[0])
    if origin is typing.Union or origin is types.UnionType:
        return [member for argument in typing.get_args(kind) for member in _members(argument)]
    return [kind]


# --- positions in the text ----------------------------------------------------------------------------


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of ``path`` or else of the nearest table around it; 0 if it is in none."""
    while path and path not in lines:
        path = path[:-1]
    return lines[path] if path else 0


def _place(mistake: Mistake, lines: Mapping[Path, int], source: str) -> str:
    """``file:line [table] key``; where the path is in no line, the line of the nearest table around it."""
    path = mistake.path
    number = _line(path, lines)
    line = f":{number}" if number else ""
    last = max((n for n, part in enumerate(path) if isinstance(part, str)), default=-1)
    # A path that ends in a table's own position names only the table; else its last key is named separately.
    whole = mistake.table or (path and last < len(path) - 1)
    table, key = (path, "") if whole else (path[:-1], str(path[-1]) if path else "")
    names = ""
    for part in table:
        names += f" #{part + 1}" if isinstance(part, int) else ("." if names else "") + plain(part)
    return plain(source) + line + (f" [{names}]" if names else "") + (f" {plain(key)}" if key else "")


def _lines(text: str) -> dict[Path, int]:
    """The line of every table, key and list element; of text that is not TOML, as far as it can be followed."""
    scanner = _Scanner(text)
    with contextlib.suppress(IndexError, RecursionError, ValueError):  # then without a line
        scanner.document()
    return scanner.lines


class _Scanner:
    """Walks TOML that tomllib has already accepted, and notes only where things begin."""

    _BARE = re.compile(r"[^\s=.,\[\]{}#\"']+")
    _BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
    _STRING = re.compile(
        r'"""(?:[^\\]|\\.)*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'", re.DOTALL
    )
    _SCALAR = re.compile(r"[^,\]}\n#]+")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}
        self._counted = (0, 1)

    def document(self) -> None:
        table: Path = ()
        self.blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.blank()

    def header(self) -> Path:
        start = self.at
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        names = self.key()
        self.at = self.text.index("]", self.at) + (2 if array else 1)
        path: Path = ()
        for number, name in enumerate(names):
            path = (*path, name)
            if array and number == len(names) - 1:
                self.arrays[path] = self.arrays.get(path, -1) + 1
            self.mark(path, start)
            if path in self.arrays:
                path = (*path, self.arrays[path])
                self.mark(path, start)
        return path

    def pair(self, table: Path) -> None:
        start = self.at
        path = table
        for name in self.key():
            path = (*path, name)
            self.mark(path, start)
        self.at = self.text.index("=", self.at) + 1
        self.value(path)

    def key(self) -> list[str]:
        names = []
        while True:
            self.blank()
            quoted = self._STRING.match(self.text, self.at)
            found = quoted or self._BARE.match(self.text, self.at)
            if not found:
                raise ValueError("no key here")
            names.append(next(iter(tomllib.loads(f"{found[0]} = 0"))) if quoted else found[0])
            self.at = found.end()
            while self.text[self.at] in " \t":
                self.at += 1
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def value(self, path: Path) -> None:
        self.blank()
        first = self.text[self.at]
        if first in "[{":
            self.at += 1
            self.inside(path, "]" if first == "[" else "}")
            return
        found = self._STRING.match(self.text, self.at) or self._SCALAR.match(self.text, self.at)
        if not found:
            raise ValueError("no value here")
        self.at = found.end()

    def inside(self, path: Path, end: str) -> None:
        number = 0
        while True:
            self.blank()
            if self.text[self.at] == end:
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
            elif end == "]":
                self.mark((*path, number), self.at)
                self.value((*path, number))
                number += 1
            else:
                self.pair(path)

    def blank(self) -> None:
        found = self._BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def mark(self, path: Path, start: int) -> None:
        at, line = self._counted
        self._counted = (start, line + self.text.count("\n", at, start))
        self.lines.setdefault(path, self._counted[1])
