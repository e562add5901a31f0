"""The manual: pages of Markdown that ship with the program, printed by ``warroom help TOPIC``."""

from __future__ import annotations

import re
import sys

from warroom.cli import output
from warroom.config.paths import shipped

INDEX = "index"
WIDTH = 100
"""The widest a page is laid out, in columns."""


def topics() -> dict[str, str]:
    """The topics in the order of the index, each with one line on what its page explains."""
    rows = re.findall(r"^\| \[([a-z_]+)\]\(\1\.md\) \| (.+?) \|$", page(INDEX), re.MULTILINE)
    return dict(rows)


def page(topic: str) -> str:
    """The page of a topic as Markdown; what only its generator needs is left out."""
    text = (shipped("docs") / f"{topic}.md").read_text(encoding="utf-8")
    return re.sub(r"^<!-- .*? -->\n", "", text, flags=re.MULTILINE)


def man_page() -> str:
    """The man page as it is installed."""
    return (shipped("docs") / "warroom.1").read_text(encoding="utf-8")


def show(topic: str) -> None:
    """Print a page: laid out on a terminal, as Markdown in a pipe."""
    text = page(topic)
    if not sys.stdout.isatty():
        output.print_out(text.rstrip("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(text), width=min(WIDTH, console.width))
