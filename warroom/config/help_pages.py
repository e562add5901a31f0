"""The pages of the manual that ship with the program: read, not shown. ``warroom help`` and F1 show them."""

from __future__ import annotations

import re

from warroom.config.paths import shipped

INDEX = "index"


def topics() -> dict[str, str]:
    """The topics in the order of the index, each with one line on what its page explains."""
    rows = re.findall(r"^\| \[([a-z_]+)\]\(\1\.md\) \| (.+?) \|$", page(INDEX), re.MULTILINE)
    return dict(rows)


def page(topic: str) -> str:
    """The page of a topic as Markdown; what only its generator needs is left out."""
    text = (shipped("docs") / f"{topic}.md").read_text(encoding="utf-8")
    return re.sub(r"^<!-- .*? -->\n", "", text, flags=re.MULTILINE)
