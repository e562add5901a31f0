"""Document stores: what they share is the post-mortem's Markdown, parsed. Each is a module beside this one.

A store replaces a document that warroom published before, and refuses to where somebody else has changed it since.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from warroom.connect.http import HttpRejected

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

KEEP_THEIRS = (
    "Copy what they wrote into the post-mortem here, then rename or delete that document and publish again."
)


def changed_there(service: str, title: str, who: str = "") -> HttpRejected:
    """The error for a document that somebody has changed since it was published."""
    return HttpRejected(f"{service}: {who or 'somebody'} has changed “{title}” since it was published", KEEP_THEIRS)


def digest(text: str) -> str:
    """Stands for a delivery's key or a text in what a store keeps about a document."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def parse(markdown: str) -> list[Token]:
    """The tokens of the Markdown without its title: a store has a place of its own for that.

    Raw HTML is text, and there are no images.
    """
    tokens = _engine().parse(markdown)
    if len(tokens) > 2 and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        del tokens[:3]
    return tokens


def xhtml(tokens: Sequence[Token]) -> str:
    """The tokens as XHTML: every element is closed, and the only entities are those of XML."""
    engine = _engine()
    return str(engine.renderer.render(tokens, engine.options, {}))


def _engine() -> MarkdownIt:
    from markdown_it import MarkdownIt  # 30 ms that only publishing needs

    options = {"html": False, "linkify": False, "xhtmlOut": True}
    return MarkdownIt("commonmark", options).enable("table").disable("image")
