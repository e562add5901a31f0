"""``warroom init`` on a terminal: the five questions, and the files their answers are written to.

Nothing is written before the last question is answered, and no file that is there is ever replaced.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from warroom import toml
from warroom.cli.interview import Answers, Checked, Question
from warroom.config.fields import not_empty, one_line
from warroom.config.loading import is_there
from warroom.config.paths import AppPaths, expanded, shown, write_atomically
from warroom.config.settings import Settings
from warroom.config.starter import Member, Starter, personal_toml, team_toml
from warroom.errors import BadInput, Refusal

INTRODUCTION = """\
Five questions, and warroom is set up. You can change every answer later.
Enter takes what is in [brackets], - leaves an answer out, < goes back, and
ctrl+c ends without writing anything."""

NAME_LENGTH = 80
"""The most characters of a name in the settings."""

TEXT_LENGTH = 500
"""The most characters of an e-mail address or a log there."""

_PERSON = re.compile(r"(?P<name>[^<>@]+?)\s*(?:<\s*(?P<email>[^<>\s@]+@[^<>\s@]+)\s*>)?")


def questions(places: AppPaths, environ: Mapping[str, str], chats: Mapping[str, str]) -> list[Question]:
    """Return the questions; ``chats`` are the chat services that can be connected, with what people call them."""
    writes = f"Writes {shown(places.settings)}"
    if not is_there(places.personal):
        writes += f" and {shown(places.personal)}"
    return [
        Question("team", "1/5  The name of your team", _text),
        Question(
            "zone",
            "2/5  The time zone that times are shown in, such as Europe/Berlin",
            lambda text: _zone(text, datetime.now(UTC)),
            suggest=lambda: system_zone(environ),
        ),
        Question(
            "people",
            "3/5  Who takes part in incidents, you first: Alice <alice@example.com>, Bob",
            _people,
            suggest=account_holder,
        ),
        Question("service", "4/5  A service that can break, as you call it when you declare an incident", _text),
        Question(
            "log",
            "4/5  Its log: a file, a pattern (/var/log/app/*.log), a folder, docker:CONTAINER, journal:UNIT,"
            " or $ and a command that prints it ($ kubectl logs -f deploy/app)",
            _log,
            asked=lambda answers: bool(answers["service"]),
        ),
        Question(
            "chat",
            "5/5  The chat your team uses; it is connected next. Without one, messages go to a file on this"
            " machine."
            f"\n     {', '.join(chats)}",
            lambda text: _chat(text, chats),
        ),
        Question("write", f"{writes}. Enter writes, < goes back, ctrl+c ends.", _confirmation),
    ]


# ── what is checked ───────────────────────────────────────────────────────────────────────────────────────


def _text(text: str, most: int = NAME_LENGTH) -> Checked:
    try:
        text = not_empty(one_line(text))
    except ValueError as error:
        raise BadInput(f"It {error}", "Type it again.") from None
    if len(text) > most:
        raise BadInput(f"It has {len(text)} characters; at most {most} fit", "Shorten it.")
    return Checked(text)


def _zone(text: str, now: datetime) -> Checked:
    known = _zones()
    wanted = text.casefold().replace(" ", "_")
    found = [known[wanted]] if wanted in known else _zones_of_city(wanted, known)
    if len(found) != 1:
        if found:
            raise BadInput(f"{toml.plain(text)} may be {' or '.join(found)}", "Write the whole name.")
        cities = {folded.rpartition("/")[2]: name for folded, name in known.items()}
        near = difflib.get_close_matches(wanted.rpartition("/")[2], cities, n=1, cutoff=0.75)
        guess = f'Did you mean "{cities[near[0]]}"?' if near else "Write it as Region/City, such as Asia/Tokyo."
        raise BadInput("There is no such time zone", guess)
    return Checked(found[0], f"✓ {found[0]}, where it is {now.astimezone(ZoneInfo(found[0])):%H:%M} now")


@functools.cache
def _zones() -> dict[str, str]:
    """Every time zone by its name in small letters; reads some 600 files."""
    return {name.casefold(): name for name in available_timezones()}


def _zones_of_city(city: str, known: Mapping[str, str]) -> list[str]:
    return sorted(name for folded, name in known.items() if folded.rpartition("/")[2] == city and "/" in name)


def _people(text: str) -> Checked:
    people = members(text)
    names = [one.name for one in people]
    for number, name in enumerate(names):
        _text(name)
        if people[number].email:
            _text(people[number].email, TEXT_LENGTH)
        if name.casefold() in map(str.casefold, names[:number]):
            raise BadInput(f"{toml.plain(name)} appears twice", "Give each their own name.")
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return Checked(text, f"✓ You are {names[0]}{others}")


def members(text: str) -> tuple[Member, ...]:
    """The people of ``Alice <alice@example.com>, Bob``. ``BadInput`` for anything but names with or without an
    e-mail address."""
    found = []
    for one in re.split(r"[,;]", text):
        if not one.strip():
            continue
        person = _PERSON.fullmatch(one.strip())
        if not person:
            wrong = f"{toml.plain(one.strip())} is no name with an e-mail address"
            raise BadInput(wrong, "Write NAME or NAME <E-MAIL>, with commas between people.")
        found.append(Member(person["name"], person["email"] or ""))
    if text.strip() and not found:
        raise BadInput("There is no name in it", "Write NAME or NAME <E-MAIL>, with commas between people.")
    return tuple(found)


def _log(text: str) -> Checked:
    from warroom.logs.sources.discovery import command_of, files, kind_refused

    text = _text(text, TEXT_LENGTH).value
    if text.startswith("run:"):
        raise BadInput("A command is written after a dollar sign", f"Write: $ {text[4:].strip()}")
    try:
        log = log_of(text)
        command = list(log) if isinstance(log, tuple) else command_of(log)
    except ValueError as error:
        raise BadInput(f"It cannot be read: {str(error).lower()}", "Complete it, and close every quote.") from None
    if command is not None:
        if not shutil.which(command[0]):
            return Checked(text, f"! There is no program {toml.plain(command[0])} on this machine. < corrects it.")
        return Checked(text, "✓ It is run while an incident of the service is open.")
    assert isinstance(log, str)
    _text(log, TEXT_LENGTH)
    path = str(expanded(log))
    if kind := kind_refused(path):
        raise BadInput(f"It is {kind}, not a log", "Name a file, a pattern or a folder.")
    found = files(path)
    unreadable = [file for file in found if not os.access(file, os.R_OK)]
    if not found or not all(map(is_there, found)):
        return Checked(text, f"! {shown(Path(path))} is not there yet; it is read once it is. < corrects it.")
    if unreadable:
        return Checked(text, f"! You may not read {shown(unreadable[0])}: change its permissions. < corrects it.")
    return Checked(text, f"✓ {len(found)} {'file' if len(found) == 1 else 'files'} to read")


def log_of(text: str) -> str | tuple[str, ...]:
    """The log that was typed, a path made absolute; the words of a command after ``$``.

    Raises ValueError where a quote is not closed or there is no command.
    """
    if text.startswith("$"):
        words = tuple(shlex.split(text[1:]))
        if not words:
            raise ValueError("nothing after $")
        return words
    if re.match(r"[a-z]{2,}:", text) or text.startswith("~"):
        return text
    return str(Path(text).absolute())


def _chat(text: str, chats: Mapping[str, str]) -> Checked:
    wanted = text.casefold()
    found = next((name for name, title in chats.items() if wanted in (name.casefold(), title.casefold())), "")
    if not found:
        raise BadInput("There is no such chat service", toml.allowed(chats, text))
    return Checked(found)


def _confirmation(text: str) -> Checked:
    if text.casefold() not in ("y", "yes"):
        raise BadInput("Nothing is written yet", "Enter writes, < goes back, ctrl+c ends.")
    return Checked(text)


# ── what is suggested ─────────────────────────────────────────────────────────────────────────────────────


def system_zone(environ: Mapping[str, str]) -> str:
    """The IANA name of this machine's time zone; "" if it does not say.

    By TZ (POSIX), /etc/localtime (a link into the zone database, man 5 localtime), /etc/timezone (Debian).
    """
    for name in _zone_names(environ):
        with suppress(OSError, ValueError, LookupError):
            if name and ZoneInfo(name):
                return name
    return ""


def _zone_names(environ: Mapping[str, str]) -> Iterator[str]:
    yield environ.get("TZ", "").lstrip(":")
    with suppress(OSError):
        yield str(Path("/etc/localtime").readlink()).partition("zoneinfo/")[2]
    with suppress(OSError, ValueError):
        yield Path("/etc/timezone").read_text(encoding="utf-8").strip()


def account_holder() -> str:
    """The full name of this account's holder, "" if the system does not say or it is root's."""
    import pwd

    if os.getuid() == 0:
        return ""
    try:
        name = pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0].strip()
        return name if name and members(name) else ""
    except (LookupError, BadInput):
        return ""


# ── what is written ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Written:
    """The files that were written; ``personal`` is None if there was one, or nothing to write into it."""

    settings: Path
    personal: Path | None


def starter(answers: Answers) -> Starter:
    """The answers as settings."""
    log = answers["log"]
    people = members(answers["people"])
    return Starter(answers["team"], answers["zone"], people, answers["service"], log_of(log) if log else "")


def write(answers: Answers, places: AppPaths, *, found_at: Path) -> Written:
    """Write the team's settings, and the personal ones if there are none. Replaces no file.

    ``found_at`` is where warroom looks for the team's settings until now: the personal settings name another place.
    Raises ``Refusal`` for a file that
    is there by now, and ``SettingsError`` if one cannot be written.
    """
    made = starter(answers)
    text = team_toml(made)
    toml.parse(text, Settings, shown(places.settings))  # nothing is written that no verb could read
    refuse_existing(places.settings)
    write_atomically(places.settings, text)
    named = places.settings if places.settings != found_at else None
    if is_there(places.personal) or not (made.people or named):
        return Written(places.settings, None)
    write_atomically(places.personal, personal_toml(made.people[0].name if made.people else "", named))
    return Written(places.settings, places.personal)


def summary(written: Written, places: AppPaths) -> list[str]:
    """What was written where, a line each."""
    lines = [f"✓ {shown(written.settings)}: your team's settings, to be kept in git"]
    if written.personal:
        lines.append(f"✓ {shown(written.personal)}: your own, with your name, theme and keys")
    elif is_there(places.personal):
        lines.append(f"✓ {shown(places.personal)} is as it was")
    return lines


def next_step(written: Written, found_at: Path, chat: str) -> str:
    """The next thing to do. ``found_at`` is where warroom looks for the team's settings from now on, ``chat`` the
    service that is still to be connected, "" for none."""
    if written.settings != found_at:
        return f"Next: export WARROOM_SETTINGS={shlex.quote(str(written.settings))}"
    return f"Next: warroom connect {chat}" if chat else "Next: warroom doctor"


def refuse_existing(path: Path) -> None:
    """Raise ``Refusal`` if there is anything at ``path``."""
    if path.exists() or path.is_symlink():
        raise Refusal(f"{shown(path)} already exists", "Edit it, or choose another with --path.")
