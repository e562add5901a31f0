"""The command palette: every action by its title, every theme as the cursor passes over it. Does nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from warroom.tui.actions import ACTIONS, key_of
from warroom.tui.base import BaseApp
from warroom.tui.screens.base import BaseScreen

THEME = "Theme: "
"""The text before a theme's name in the palette."""


class ActionCommands(Provider):
    """Every action of the registry, by its title, in the palette."""

    def _hits(self) -> Iterable[tuple[str, str, str, str]]:
        below = (screen for screen in reversed(self.app.screen_stack) if isinstance(screen, BaseScreen))
        own = next((screen.context.keys for screen in below), {})
        for action in ACTIONS:
            if action.id != "palette":
                yield action.id, action.title, key_of(action.id, own), action.help

    async def discover(self) -> Hits:
        for action_id, title, key, help_ in self._hits():
            yield DiscoveryHit(Content(f"{title}  {key}"), self._run(action_id), text=title, help=help_)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action_id, title, key, help_ in self._hits():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, Content(f"{title}  {key}"), self._run(action_id), text=title, help=help_)

    def _run(self, action_id: str) -> Callable[[], object]:
        async def run() -> None:
            screen = self.app.screen
            if isinstance(screen, BaseScreen):
                await screen.action_do(action_id)

        return run


class ThemeSearch(Provider):
    """The themes in the general palette: only what is searched for, so that opening it previews none."""

    async def search(self, query: str) -> Hits:
        themes = ThemeCommands(self.screen, self.match_style)
        async for hit in themes.search(query):
            yield hit


class ThemeCommands(Provider):
    """The themes, previewed as the cursor passes over them."""

    def _names(self) -> list[str]:
        return list(self.app.themes) if isinstance(self.app, BaseApp) else []

    async def discover(self) -> Hits:
        for name in self._names():
            yield DiscoveryHit(Content(THEME + name), self._choose(name), text=THEME + name)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name in self._names():
            score = matcher.match(THEME + name)
            if score > 0:
                yield Hit(score, Content(THEME + name), self._choose(name), text=THEME + name)

    def _choose(self, name: str) -> Callable[[], object]:
        async def choose() -> None:
            if isinstance(self.app, BaseApp):
                await self.app.choose_theme(name)

        return choose
