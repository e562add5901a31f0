"""What every verb takes: the globals, before it or after, and help for a stranger at 3 a.m. Holds no verb."""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from warroom.cli.verb_table import FAMILIES
from warroom.errors import BadInput, SettingsError, WarroomError

if TYPE_CHECKING:
    from datetime import datetime

    from warroom.bootstrap import AppContext
    from warroom.config.paths import AppPaths
    from warroom.config.settings import Settings
    from warroom.incident.incident import Incident
    from warroom.room.room import WarRoom
    from warroom.toml import Mistake

WAIT_S = 10.0
"""How long a verb that posts waits for delivery by default, in seconds."""


REFRESH_S = 0.5
"""How long a verb that shows incidents waits for the hub, in seconds."""

JOIN_S = 5.0
"""The same the first time: there is nothing to show without it."""

PUSH_S = 3.0
"""How long a verb that has recorded something waits for the hub, in seconds, after everything is printed."""


class CliContext:
    """One run of the program: the global options, and the application once a verb needs it."""

    def __init__(
        self, *, environ: Mapping[str, str] | None = None, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.settings: str | None = None
        self.data: str | None = None
        self.by: str | None = None
        self.incident_id: str | None = None
        self.json = False
        self.wait_s = WAIT_S
        self.started_at = time.monotonic()
        self.reads = False
        self.opens_screen = False
        self._warned: set[str] = set()
        self._named_person: str | None = None
        self.no_settings = False
        self.debug = False
        self._clock = clock
        self._app: AppContext | None = None

    def remaining_wait_s(self) -> float:
        """How much of --wait is left, in seconds: it bounds the whole verb, from its start."""
        return max(0.0, self.started_at + self.wait_s - time.monotonic())

    @property
    def app(self) -> AppContext:
        """The application, opened at the first access and closed when the verb ends."""
        if self._app is None:
            from warroom import bootstrap as bootstrap

            try:
                configuration = bootstrap.read_configuration(
                    self.settings,
                    self.data,
                    self.by,
                    self.environ,
                    reading=self.reads,
                    ignored=self.no_settings,
                    key_check=_check_keys,
                )
            except SettingsError as error:
                error.remedy = f"{error.remedy} {WITHOUT_SETTINGS_HINT}".strip()
                raise
            self._named_person = configuration.flags["as"]
            self._app = bootstrap.open_with(configuration, self.environ, self._clock or bootstrap.utc_now)
            click.get_current_context().find_root().call_on_close(self._app.close)
            if self._app.shared and not self.opens_screen:
                click.get_current_context().find_root().call_on_close(self._push)  # before it is closed
            if not self.opens_screen:
                self._warn(*self._app.room.notices())
        return self._app

    def read_settings(self) -> tuple[AppPaths, Settings, dict[str, str | None]]:
        """As ``bootstrap.read_settings``, by the globals that were given. Opens nothing."""
        from warroom import bootstrap as bootstrap

        read = bootstrap.read_settings(
            self.settings, self.data, self.by, self.environ, ignored=self.no_settings, key_check=_check_keys
        )
        self._named_person = read[2]["as"]
        return read

    def find_paths(self) -> AppPaths:
        """The paths by globals, environment and personal settings. ``SettingsError`` if the latter are wrong."""
        from warroom.config import personal

        return personal.find_paths(self.environ, {"settings": self.settings, "data": self.data})

    def unknown_person_warning(self) -> str:
        """The warning if the person acting is only an account's name and not in the team; else ""."""
        people = self.room.settings.team.people
        if not self.acts_as_account or not people or self.room.by in {person.name for person in people}:
            return ""
        return f"You act as {self.room.by}, who is not in [[team.people]]. Say who you are with --as NAME."

    @property
    def acts_as_account(self) -> bool:
        """Whether nothing names the person, nor the personal settings, so that the account's name is taken."""
        return not (self.by or self.environ.get("WARROOM_AS") or self._named_person)

    @property
    def room(self) -> WarRoom:
        """The application's room."""
        return self.app.room

    def refresh(self) -> None:
        """In a shared room, read what is new in the hub, or say how old the picture is. Waits ``REFRESH_S`` at
        most."""
        shared = self.app.shared
        if shared is None:
            return
        joined = shared.standing().contact is not None
        if shared.sync(REFRESH_S if joined else JOIN_S):
            return
        standing = shared.standing()
        if standing.state == "offline":
            from warroom.cli import output

            contact, room = standing.contact, self.room
            since = f"as of {output.when(contact, room.zone, room.clock())}" if contact else "nothing was read yet"
            self._warn(f"The hub did not answer: {since}")

    def _push(self) -> None:
        """Send what was recorded to the hub, once everything is printed, unless another process does."""
        shared = self._app.shared if self._app else None
        if shared is None or shared.standing().pending == 0 or shared.sync(PUSH_S):
            return
        standing = shared.standing()
        if standing.pending:
            many = "1 entry waits" if standing.pending == 1 else f"{standing.pending} entries wait"
            words = f": {standing.problem}" if standing.problem else ""
            self._warn(f"{many} for the hub{words}. Nothing is lost: the next warroom that reaches it sends them.")

    def incident(self) -> Incident:
        """The incident meant: by --incident, or the one that is open. Says so if its entries are damaged."""
        incident = self.room.the_incident(self.incident_id)
        if not self.opens_screen:
            self._warn(self.room.damage(incident.id))
        return incident

    def _warn(self, *sentences: str) -> None:
        from warroom.cli import output

        for sentence in sentences:
            if sentence and sentence not in self._warned:
                self._warned.add(sentence)
                output.print_err(f"! {sentence}")

    def moment(self, text: str | None, option: str, *, ahead: bool = False) -> datetime | None:
        """A time as it was typed after ``option``, UTC; None if it was not. A usage error if it is none."""
        if text is None:
            return None
        from warroom.incident.timing import read_moment

        try:
            return read_moment(text, self.room.clock(), self.room.zone, ahead=ahead)
        except BadInput as error:
            raise usage(error, option) from None


WITHOUT_SETTINGS_HINT = (
    "To continue without settings, add --no-settings: shipped playbook, posts go only to the transcript."
)

WITHOUT_SETTINGS = (
    "Settings are ignored (--no-settings): shipped playbook, built-in redaction rules, times in UTC. "
    "Posts go only to the transcript: tell your team yourself."
)


def _check_keys(keys: Mapping[str, str]) -> Sequence[Mistake]:
    from warroom.tui.actions import key_mistakes  # only for who has keys of their own

    return key_mistakes(keys)


def usage(error: WarroomError, option: str) -> click.UsageError:
    """A mistake in what was typed, reported as click reports its own."""
    return click.BadParameter(f"{error.title}. {error.remedy}", param_hint=option)


# ── the globals ───────────────────────────────────────────────────────────────────────────────────────────


def _store(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value:  # what comes after the verb is read later, and wins
            setattr(ctx.ensure_object(CliContext), name, value)

    return callback


def _global_options() -> list[click.Parameter]:
    """The globals, anew for each command; their variables are read where the settings are found."""

    def option(flag: str, name: str, metavar: str, text: str) -> click.Option:
        return click.Option(
            [flag, f"global_{name}"], metavar=metavar, help=text, expose_value=False, callback=_store(name)
        )

    return [
        option("--settings", "settings", "FILE", "The team's settings (WARROOM_SETTINGS)."),
        click.Option(
            ["--no-settings", "global_no_settings"],
            is_flag=True,
            expose_value=False,
            callback=_store("no_settings"),
            help="Ignore broken settings; posts go only to the transcript.",
        ),
        option("--data", "data", "DIR", "Where the journal is kept (WARROOM_DATA)."),
        option("--as", "by", "NAME", "Who you are (WARROOM_AS)."),
        option("--incident", "incident_id", "INC-n", "Which incident, where several are open."),
        click.Option(
            ["--debug", "global_debug"],
            is_flag=True,
            expose_value=False,
            callback=_store("debug"),
            help="Print the traceback of an unexpected error.",
        ),
        click.Option(
            ["--json", "global_json"],
            is_flag=True,
            expose_value=False,
            callback=_store("json"),
            help="Print JSON on stdout; times are RFC 3339, UTC.",
        ),
    ]


def _seconds(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    from warroom.incident.timing import read_duration

    try:
        ctx.ensure_object(CliContext).wait_s = read_duration(value)
    except BadInput as error:
        raise usage(error, "--wait") from None


def _no_wait(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(CliContext).wait_s = 0.0


def _wait_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--wait", "waiting"],
            metavar="TIME",
            expose_value=False,
            callback=_seconds,
            help="How long to wait for delivery.  [default: 10s]",
        ),
        click.Option(
            ["--no-wait"],
            is_flag=True,
            expose_value=False,
            callback=_no_wait,
            help="Do not wait; the next warroom that runs sends what is left.",
        ),
    ]


# ── what a verb is ────────────────────────────────────────────────────────────────────────────────────────


class Verb(click.Command):
    """A command with a section in the help, an example, and the global options after its name."""

    def __init__(self, *args: Any, section: str, example: str, posts: bool, has_json: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.example = example
        self.posts = posts
        self.has_json = has_json
        self._shared: list[click.Parameter] | None = None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters and the shared ones; those are made for the one verb that is called."""
        if self._shared is None:
            self._shared = [*self.wait_options, *_global_options()]
        return [*super().get_params(ctx), *self._shared]

    @property
    def wait_options(self) -> list[click.Parameter]:
        """What a verb that posts takes besides its own options."""
        return _wait_options() if self.posts else []

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but words that only begin with a dash (``- item``, ``-20m``, ``-5 %``) are arguments.

        A word with the form of an option (``--fidning``) stays one, so that a slip is reported and not recorded.
        """
        try:
            return super().parse_args(ctx, _arguments_after_options(self.get_params(ctx), args))
        except click.NoSuchOption as error:
            raise _unknown_option(error, self.get_params(ctx), ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verb's own options; of the globals only their names, they are explained once."""
        own = [*self.params, *self.wait_options]
        rows = [row for param in own if isinstance(param, click.Option) and (row := param.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl([*rows, ("-h, --help", "Show this.")])
        formatter.write_paragraph()
        formatter.write_text(
            "As everywhere: --settings FILE, --no-settings, --data DIR, --as NAME, --incident INC-n, --json "
            "(see warroom --help)."
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example last, where the eye is when the prompt comes back."""
        with formatter.section("Example" if "\n" not in self.example else "Examples"):
            for line in self.example.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")


def _unknown_option(
    error: click.NoSuchOption, params: Iterable[click.Parameter], ctx: click.Context
) -> click.UsageError:
    """What is said about an option that is not there: which may be meant, else how text begins with a dash."""
    names = [name for param in params if isinstance(param, click.Option) for name in param.opts]
    near = _near(error.option_name.lstrip("-"), [name.lstrip("-") for name in names if name.startswith("--")])
    sentence = f"There is no option {error.option_name}."
    if near:
        return click.UsageError(f"{sentence} Did you mean {' or '.join(f'--{name}' for name in near)}?", ctx)
    path = ctx.command_path
    dash = f'To begin an argument with a dash, put -- before it: {path} … -- "{error.option_name}"'
    return click.UsageError(f"{sentence} {dash if ctx.parent else f'{path} --help lists them.'}", ctx)


def _near(typed: str, known: Sequence[str]) -> list[str]:
    """The words that a mistyped one may stand for: those it begins, else the most similar first."""
    import difflib

    begun = [word for word in known if len(typed) > 1 and word.startswith(typed)]
    return begun[:3] or difflib.get_close_matches(typed, known, n=3, cutoff=0.75)


def _arguments_after_options(params: Sequence[click.Parameter], args: Sequence[str]) -> list[str]:
    """``args`` with the arguments moved behind ``--``, where click takes them literally."""
    takes_value = {
        name: not (param.is_flag or param.count)
        for param in params
        if isinstance(param, click.Option)
        for name in (*param.opts, *param.secondary_opts)
    } | {"-h": False, "--help": False}
    options: list[str] = []
    arguments: list[str] = []
    rest = iter(args)
    for word in rest:
        if word == "--":
            arguments += rest
        elif not _is_option(word, takes_value):
            arguments.append(word)
        else:
            options.append(word)
            if takes_value.get(word):
                options += [value for value in (next(rest, None),) if value is not None]
    return [*options, "--", *arguments] if arguments else options


def _is_option(word: str, known: Collection[str]) -> bool:
    if word in known or f"-{word}" in known:  # -finding is a slip for --finding
        return True
    short = word[:2] in known and not word.startswith(("--", "-h")) and not any(map(str.isspace, word))
    return short or re.fullmatch(r"--[A-Za-z][A-Za-z0-9-]*(=.*)?", word, re.DOTALL) is not None


class Verbs(click.Group):
    """All verbs in the order of an incident, with the global options before the verb.

    The module of a verb is imported when the verb is called; ``verb_table.py`` is enough for the help.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _global_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; an unknown option is reported as that of a verb is."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise _unknown_option(error, self.get_params(ctx), ctx) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [name for family in FAMILIES for name in family.verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb, its module imported; None if there is none."""
        module = next((family.module for family in FAMILIES if cmd_name in family.verbs), None)
        if module is None:
            return None
        members = vars(import_module(f"warroom.cli.verbs.{module}")).values()
        return next(one for one in members if isinstance(one, Verb) and one.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line for each verb, by section."""
        width = max(len(name) for family in FAMILIES for name in family.verbs)
        for section in dict.fromkeys(family.section for family in FAMILIES):
            rows = [
                (name.ljust(width), text)
                for family in FAMILIES
                if family.section == section
                for name, text in family.verbs.items()
            ]
            with formatter.section(section):
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that was typed. For an unknown one, fail with what may be meant."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            near = _near(args[0], names)
            guess = f"Did you mean {' or '.join(near)}?" if near else "warroom --help lists them all."
            ctx.fail(f"There is no verb {args[0]!a}. {guess}")
        return super().resolve_command(ctx, args)


def verb(
    section: str,
    *,
    example: str,
    posts: bool = False,
    reads: bool = False,
    has_json: bool = True,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Verb]:
    """Make a function a verb. It is given the ``CliContext`` first, and its docstring is the help.

    ``posts`` adds --wait and --no-wait; ``reads`` promises that nothing will be posted, so that the application is
    opened without trying out templates. With ``has_json`` its --json has a schema in ``json_schema.py``; without,
    --json is a usage error, so that no script takes text for JSON.
    """

    def decorate(function: Callable[..., Any]) -> Verb:
        @functools.wraps(function)
        def run(**arguments: Any) -> Any:
            context = click.get_current_context().ensure_object(CliContext)
            context.reads = reads
            if context.json and not has_json:
                raise click.UsageError("It prints no JSON. Leave --json out.")
            if context.debug:
                from warroom import diagnostics

                diagnostics.echo_log()
            if context.no_settings:
                from warroom.cli import output

                output.print_err(f"! {WITHOUT_SETTINGS}")
            return function(context, **arguments)

        made: Verb = click.command(
            name, cls=Verb, section=section, example=example, posts=posts, has_json=has_json
        )(run)
        return made

    return decorate


# ── picking one of several by name ────────────────────────────────────────────────────────────────────────


LONG_LIST = 300
"""A list of names longer than this, in characters, is not shown beside a guess."""


def pick(
    what: str, typed: str, things: Sequence[tuple[str, str]], *, where: str = "", abbreviated: bool = True
) -> str:
    """The id that ``typed`` means among ``things`` (id, title).

    By id, by the beginning of an id, by the beginnings of words in the title, by initials (``ic``), or by
    abbreviated words (``comms``) unless ``abbreviated`` is false: long texts have words for any letters. Raises
    ``NotFound`` or, where several fit, ``BadInput``; both name what there is. ``where`` is where to look it up.
    """
    from warroom.errors import NotFound
    from warroom.toml import plain

    words = typed.strip().casefold().replace("-", " ").replace("_", " ").split()
    names = [(id, id.casefold().replace("-", " ").replace("_", " ").split(), title) for id, title in things]

    def begin(own: list[str]) -> bool:
        return all(any(word.startswith(part) for word in own) for part in words)

    ways: tuple[Callable[[list[str], str], bool], ...] = (
        lambda own, title: own == words,
        lambda own, title: " ".join(own).startswith(" ".join(words)),
        lambda own, title: len(words) == 1 and "".join(word[0] for word in own) == words[0],
        lambda own, title: begin([*own, *title.casefold().split()]),
        lambda own, title: (
            abbreviated
            and all(
                any(_is_abbreviation(part, word) for word in [*own, *title.casefold().split()]) for part in words
            )
        ),
    )
    for way in ways if words else ():
        found = [id for id, own, title in names if way(own, title)]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(f"{plain(typed)} may be {' or '.join(found)}", "Type more letters.")
    known = ", ".join(id for id, _ in things)
    remedy = f"There are: {known}.{where and ' ' + where}"
    if near := _near(typed.strip().casefold(), [id for id, _ in things]):
        guess = f"Did you mean {' or '.join(near)}?"
        remedy = f"{guess} {remedy}" if len(known) <= LONG_LIST else guess
    raise NotFound(f"There is no {what} {plain(typed) or '“”'}", remedy)


def _is_abbreviation(part: str, word: str) -> bool:
    """Whether ``part`` has at least two letters of ``word`` in their order, its first one first: ``comms``."""
    letters = iter(word)
    return len(part) > 1 and part[0] == word[:1] and all(letter in letters for letter in part)


def pick_item(room: WarRoom, typed: str) -> str:
    """The item meant, by id or words, of the checklists that are worked once per incident."""
    from warroom.errors import NotFound
    from warroom.incident.commands import INCIDENT_LISTS
    from warroom.toml import plain

    lists = [room.playbook.checklists[name] for name in INCIDENT_LISTS]
    try:
        items = [(item.id, item.text) for one in lists for item in one.items]
        return pick("checklist item", typed, items, abbreviated=False)
    except NotFound:
        others = room.playbook.find_items(typed)
        remedy = "warroom playbook lists them."
        if others:
            remedy = f"{others[0].id} is a readiness item, not part of an incident: warroom ready {others[0].id}"
        raise NotFound(f"No item of the incident's checklists is called {plain(typed) or '“”'}", remedy) from None


def pick_role(room: WarRoom, typed: str) -> str:
    """The role meant by id, word or initials."""
    return pick("role", typed, [(role.id, role.title) for role in room.playbook.roles])


def pick_severity(room: WarRoom, typed: str) -> str:
    """The severity meant by id or its beginning."""
    return pick("severity", typed, [(severity.id, severity.title) for severity in room.playbook.severities])


def pick_person(room: WarRoom, typed: str) -> str:
    """A name, completed from the team's list where only one person fits; others are taken as they are typed.

    Raises ``BadInput`` where several fit: a role must not go to half a name.
    """
    from warroom.toml import plain

    known = room.settings.person(typed)
    wanted = typed.strip().casefold()
    names = [person.name for person in room.settings.team.people]
    found = [known.name] if known else [name for name in names if wanted and name.casefold().startswith(wanted)]
    if len(found) > 1:
        raise BadInput(f"{plain(typed)} may be {' or '.join(found)}", "Type more of the name.")
    return found[0] if found else typed


def data_folder(context: CliContext) -> Path:
    """Where reports go; it need not exist."""
    from warroom.config.paths import AppPaths

    return AppPaths.find(context.environ, {"data": context.data}).data
