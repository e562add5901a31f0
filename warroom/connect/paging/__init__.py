"""Paging services: one file a service. What they share: the words of a page, and how it is identified."""

from __future__ import annotations

from warroom.incident.requests import Page


def alert_key(page: Page) -> str:
    """What identifies the alert of the page's incident at the service: the same for everything about one incident,
    and another for an incident of that number in another journal."""
    return f"warroom-{page.incident}-{page.at:%Y%m%dT%H%M%S%f}"


def summary(page: Page, limit: int = 1024) -> str:
    """The page in one line, at most ``limit`` characters: what the person who is woken reads first."""
    text = " ".join(f"{page.incident} {page.severity.upper()} {page.service}: {page.title}".split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
