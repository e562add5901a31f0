"""A page of the manual on the command line: ``warroom help TOPIC``."""

from __future__ import annotations

import sys

from warroom.cli import output
from warroom.config.help_pages import INDEX, page, topics
from warroom.config.paths import shipped

__all__ = ["INDEX", "page", "show", "topics"]

WIDTH = 100
"""The widest a page is laid out, in columns."""


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
