"""The generated parts of the manual and the README's picture; ``python tests/harness/readme.py`` writes them.

A generated block is in its page of ``warroom/docs`` between ``<!-- name -->`` and ``<!-- /name -->``. The picture
is the console itself, without a terminal, over the shipped drill played to the middle of its incident.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import math
import os
import re
import sys
import tempfile
import typing
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import click
from pydantic import BaseModel, SecretStr

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "warroom" / "docs"
PICTURE = ROOT / ".github" / "warroom.svg"
OURS = (
    "transcript",
    "slack",
    "matrix",
    "mattermost",
    "mattermost-webhook",
    "discord",
    "discord-webhook",
    "teams",
    "zulip",
    "google-chat",
    "telegram",
    "email",
    "webhook",
    "apprise",
    "statuspage",
    "cachet",
    "cachet-v2",
    "betterstack-status",
)
"""The backends that come with warroom, in the order the README tells them."""

PROBES = ("http", "promql", "command", "tcp", "dns", "tls", "logs", "status-page")
"""The kinds of probes that come with warroom, in the order the manual tells them."""

DOCUMENTS = ("notion", "confluence", "github", "statuspage")
"""The document stores that come with warroom, in the order the manual tells them."""

AT = datetime(2026, 1, 28, 13, 4, tzinfo=UTC)
"""When the incident of the README happens, at 14:04 in Berlin."""

SIZE = (132, 38)
"""Of the picture, in cells."""


# ── blocks ────────────────────────────────────────────────────────────────────────────────────────────────


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([_row(header), _row(["---"] * len(header)), *map(_row, rows)])


def keys() -> str:
    """Every action and its key, and the keys within a screen."""
    from warroom.tui.actions import ACTIONS, shown
    from warroom.tui.screens.help import DANGERS, WITHIN

    parts = []
    for place, title in (("incident", "In an incident"), ("anywhere", "Anywhere")):
        rows = [
            (
                f"`{shown(action.keys)}`",
                action.title,
                action.help + (f" *{DANGERS[action.danger].capitalize()}.*" if action.danger else ""),
            )
            for action in ACTIONS
            if action.place == place
        ]
        parts.append(_table((title, "", ""), rows))
    parts.append(_table(("Within a screen", ""), [(f"`{names}`", words) for names, words in WITHIN]))
    return "\n\n".join(parts)


def command_of(name: str) -> click.Command:
    """The verb of that name."""
    from warroom.cli.main import cli

    command = cli.get_command(click.Context(cli), name)
    assert command
    return command


def verbs() -> str:
    """Every verb with its arguments, by section, and which of them wait for delivery."""
    from warroom.cli.main import cli
    from warroom.cli.verb_table import FAMILIES

    commands = {name: command_of(name) for name in cli.list_commands(click.Context(cli))}

    def usage(name: str, command: click.Command) -> str:
        arguments = [one for one in command.params if isinstance(one, click.Argument)]
        return " ".join([name, *(one.make_metavar(click.Context(command)) for one in arguments)])

    parts = []
    for section in dict.fromkeys(family.section for family in FAMILIES):
        rows = [
            (f"`{usage(name, commands[name])}`", (commands[name].help or "").partition("\n\n")[0].strip())
            for family in FAMILIES
            if family.section == section
            for name in family.verbs
        ]
        parts.append(_table((section, ""), rows))
    posting = [f"`{name}`" for name, command in commands.items() if getattr(command, "posts", False)]
    waiting = f"These post, and so take `--wait TIME` and `--no-wait`: {', '.join(posting)}."
    return "\n\n".join([*parts, waiting])


def exits() -> str:
    """The exit statuses, as the program's own file tells them."""
    from warroom.cli import main

    result = re.search(r"Exit status: (.*?)\. ", " ".join((main.__doc__ or "").split()))
    assert result
    rows = [one.split(" ", 1) for one in result[1].split(" · ")]
    return _table(("Status", "Means"), [(f"`{number}`", words) for number, words in rows])


def shapes() -> str:
    """What the verbs whose shape others rely on print, run here on an incident of their own."""
    with tempfile.TemporaryDirectory() as folder:
        printed = speaker(Path(folder))
        declared = printed("declare", "checkout-api", "Card payments fail", "--severity", "high", "--json")
        status, timeline = printed("status", "--json"), printed("timeline", "--json")
        deliveries = printed("deliveries", "--json")
    result = {
        "warroom declare … --json": json.loads(declared),
        "warroom status --json": json.loads(status),
        "warroom timeline --json": json.loads(timeline)[:1],
        "warroom deliveries --json": [d for d in json.loads(deliveries) if d["id"].endswith(".post")],
    }
    blocks = [f"`{line}`\n\n```json\n{_json(value, folder)}\n```" for line, value in result.items()]
    return "\n\n".join(blocks)


def _json(value: Any, folder: str) -> str:
    """JSON, a key a line, with what is small on one line; the folder under a neutral name."""
    text = json.dumps(value, ensure_ascii=False, indent=2).replace(folder, "/home/you/.local/share")

    def joined(match: re.Match[str]) -> str:
        short = " ".join(match[0].split()).replace("{ ", "{").replace(" }", "}")
        return short if len(short) <= 76 else match[0]

    return re.sub(r"(?<=: )\{[^{}]*\}", joined, text)


def speaker(folder: Path, **environ: str) -> Callable[..., str]:
    """A command line of its own in ``folder`` at ``AT``, Alice sitting at it: give words, get stdout."""
    from warroom.cli.context import CliContext
    from warroom.cli.main import run

    given = {"HOME": str(folder), "WARROOM_DATA": str(folder / "warroom"), "WARROOM_AS": "Alice", **environ}
    given.setdefault("WARROOM_SETTINGS", str(folder / "settings.toml"))
    if not Path(given["WARROOM_SETTINGS"]).exists():
        Path(given["WARROOM_SETTINGS"]).write_text("")
    random = Random(0)  # the same ids each time

    def printed(*words: str, expect: int = 0) -> str:
        out, err = io.StringIO(), io.StringIO()
        ids = mock.patch("warroom.room.room.os.urandom", lambda size: random.randbytes(size))
        with ids, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(words, CliContext(environ=given, clock=lambda: AT))
        assert status == expect, f"warroom {' '.join(words)}: {status}\n{err.getvalue()}"
        return out.getvalue()

    return printed


def promises() -> str:
    """What each backend promises about a post, as its class says."""
    from warroom.connect.ports import Promises

    rows = []
    for name, backend in _backends():
        decided = {
            option: backend.Options.model_fields[option].default
            for option in ("idempotent", "max_length")
            if option in backend.Options.model_fields
        }
        known = {"dedupes": False, "max_length": decided.get("max_length")}
        found = Promises.of(type(name, (), {**known, **vars(backend)}))
        once = f"for {found.dedupe_window_s:.0f} s" if found.dedupe_window_s < math.inf else "yes"
        rows.append(
            (
                f"`{name}`",
                "with `idempotent = true`" if "idempotent" in decided else once if found.dedupes else "no",
                *("yes" if one else "no" for one in (found.reads_back, found.edits, found.threads, found.receives)),
                f"{found.max_length:,} {found.unit}",
            )
        )
    header = (
        "Backend",
        "A post tried twice arrives once",
        "Read back",
        "Edits",
        "Threads",
        "Receives",
        "Longest text",
    )
    return _table(header, rows)


def setup(name: str) -> str:
    """How to set a backend up, from the data of its class."""
    from warroom.connect.plugins import CHAT, load

    found = load(CHAT, name).build.setup
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(found.steps, 1))
    return f"{steps}\n\n```yaml\n{found.manifest}```" if found.manifest else steps


def options(name: str, group: str = "warroom.chat") -> str:
    """The options of a plugin, from its model and the docstrings in it."""
    from warroom.connect.plugins import KINDS, load

    return _options(load(next(kind for kind in KINDS if kind.group == group), name).options)


def _options(model: type[BaseModel]) -> str:
    from warroom.config.manual import descriptions

    manual = descriptions(model)
    rows = []
    for key, field in model.model_fields.items():
        if key == "folder":
            continue  # filled by warroom itself, as the text beside it says
        default = "needed" if field.is_required() else f"`{_toml(field.get_default(call_default_factory=True))}`"
        kind = "secret" if SecretStr in (field.annotation, *typing.get_args(field.annotation)) else ""
        rows.append((f"`{key}`", ", ".join(filter(None, (kind, default))), manual[key]))
    return _table(("Option", "Default", ""), rows)


def _backends() -> list[tuple[str, Any]]:
    from warroom.connect.plugins import CHAT, load

    return [(name, load(CHAT, name).build) for name in OURS]


def _toml(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


SOURCES = ("alertmanager", "prometheus", "json", "command", "webhook")
"""The alert sources that come with warroom; every other one is a declaration of ``json``."""


def declared() -> str:
    """The vendors whose API is declared: what is asked, and what it can do beyond."""
    from warroom.connect.alerts.json_api import read_declaration
    from warroom.connect.plugins import ALERTS, names

    rows = []
    for name in names(ALERTS):
        if name in SOURCES:
            continue
        found = read_declaration(name)
        needed = [f"`{key}`" for key, value in found.get("names", {}).items() if not value]
        rows.append(
            (
                f"`{name}`",
                found["vendor"],
                ", ".join(needed) if "acknowledge" not in found else "",
                (f"with {', '.join(needed)}" if needed else "yes") if "acknowledge" in found else "no",
                ("with `email`" if "email" in found.get("names", {}) else "yes") if "resolve" in found else "no",
            )
        )
    return _table(("Backend", "Vendor", "Needed `names`", "Acknowledges", "Closes"), rows)


PAGING = ("pagerduty", "http", "apprise")
"""The paging services that come with warroom, in the order the manual tells them."""


def integrations() -> str:
    """What each backend of an integration promises, as its class says."""
    from warroom.connect.plugins import PAGING as KIND
    from warroom.connect.plugins import load

    rows = []
    for name in PAGING:
        backend = load(KIND, name).build
        stated = "dedupes" in backend.Options.model_fields
        dedupes = "with `dedupes = true`" if stated else "yes" if backend.dedupes else "no"
        rows.append(("paging", f"`{name}`", dedupes, "yes" if backend.reads_back else "no"))
    return _table(("Table", "Backend", "A request made twice has its effect once", "Read back"), rows)


BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "keys": ("keys", keys),
    "verbs": ("verbs", verbs),
    "exits": ("verbs", exits),
    "shapes": ("verbs", shapes),
    "promises": ("destinations", promises),
    **{f"setup {name}": ("destinations", lambda name=name: setup(name)) for name in OURS[1:]},  # type: ignore[misc]
    "declared": ("alerts", declared),
    "integrations": ("integrations", integrations),
    **{f"paging {name}": ("integrations", lambda name=name: options(name, "warroom.paging")) for name in PAGING},  # type: ignore[misc]
    **{f"alerts {name}": ("alerts", lambda name=name: options(name, "warroom.alerts")) for name in SOURCES},  # type: ignore[misc]
    **{f"options {name}": ("destinations", lambda name=name: options(name)) for name in OURS},  # type: ignore[misc]
    **{f"probe {name}": ("probes", lambda name=name: options(name, "warroom.probes")) for name in PROBES},  # type: ignore[misc]
    **{
        f"document {name}": ("follow_up", lambda name=name: options(name, "warroom.documents"))
        for name in DOCUMENTS
    },  # type: ignore[misc]
    "tracker github": ("follow_up", lambda: options("github", "warroom.trackers")),
}
"""The generated blocks by the name in their markers, each with its page and its generator."""


def page(topic: str) -> str:
    """A page of the manual."""
    return (DOCS / f"{topic}.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The block of that name as it stands in its page."""
    topic, _ = BLOCKS[name]
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", page(topic), re.DOTALL)
    assert found, f"{topic}.md has no <!-- {name} --> … <!-- /{name} -->"
    return found[1]


# ── the picture ───────────────────────────────────────────────────────────────────────────────────────────

MOMENT = "customer update #3"
"""The entry after which the picture is taken: half way, the cause known, team and customers told."""


async def picture(folder: Path) -> str:
    """The war room in the middle of the shipped drill, as SVG that needs nothing but itself."""
    from harness.app import settle, until
    from warroom import bootstrap as wiring
    from warroom.config.paths import shipped
    from warroom.drill.clock import ScaledClock
    from warroom.logs.sources.file import FileSource
    from warroom.logs.view import LogView
    from warroom.tui.app import WarRoomApp
    from warroom.tui.context import ConsoleDeps
    from warroom.tui.screens.base import BaseScreen
    from warroom.tui.theme import load_themes

    clock = ScaledClock(float("inf"), AT)
    environ = {"HOME": str(folder)}
    settings = shipped("sample_data") / "settings.toml"
    with wiring.open_context(settings, folder, "Ada Moreau", environ=environ, clock=clock) as context:
        drill = context.drill(folder / "logs", clock)

        def follow(line: str) -> None:
            context.outbox().drain(10)
            if MOMENT in line:
                drill.stop()

        incident_id = await asyncio.to_thread(drill.play, follow)

        def watch_logs(view: LogView, service: str) -> None:
            for path in drill.logs:
                view.add(FileSource(path))

        deps = ConsoleDeps(context.room, watch_logs, themes=load_themes(shipped("themes")), incident_id=incident_id)
        console = WarRoomApp(lambda: deps, crash_folder=folder)
        async with console.run_test(size=SIZE) as pilot:
            await until(pilot, lambda: isinstance(console.screen, BaseScreen))
            await settle(pilot)
            await pilot.press("2")
            await until(pilot, lambda: all(word in _seen(console) for word in (MOMENT, "following", " ERROR ")))
            await settle(pilot)
            return alone(console.export_screenshot(title="warroom"))


def _seen(app: Any) -> str:
    from harness.app import screen_text

    return screen_text(app)


def alone(svg: str) -> str:
    """The SVG without the fonts it would fetch and the note on who drew it."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", "Fira Code, DejaVu Sans Mono, Menlo, monospace")


def main() -> None:
    """Write the blocks, the man page, what completion knows and the picture anew."""
    from warroom.cli import grammar, man_page

    man_page.write()
    grammar.write()
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    for name, (topic, make) in BLOCKS.items():
        old, new = (f"<!-- {name} -->\n{text}\n<!--" for text in (block(name), make()))
        (DOCS / f"{topic}.md").write_text(page(topic).replace(old, new), encoding="utf-8")
    if "--no-picture" not in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            PICTURE.write_text(asyncio.run(picture(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main()
