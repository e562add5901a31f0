"""What every screen uses: the room, its feed, a thread pool, notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from textual.app import App
from textual.theme import Theme

from warroom.errors import Refusal, WarroomError
from warroom.room.jobs import Job, JobRunner
from warroom.room.presence import PresenceReporter
from warroom.room.room import WarRoom
from warroom.safety import sanitize
from warroom.tui.actions import with_keys
from warroom.tui.feed import Feed

if TYPE_CHECKING:
    from warroom.logs.view import LogView
    from warroom.room.logwatch import LogWatches
    from warroom.room.runbook_runs import RunbookRuns
    from warroom.room.search import IncidentSearch

T = TypeVar("T")

WatchLogs: TypeAlias = "Callable[[LogView, str], None]"
"""Has a view read the logs of a service, by its name; those of the command line come with it."""


class DrillControl(Protocol):
    """A drill, as far as a screen needs it."""

    @property
    def running(self) -> bool: ...

    @property
    def awaits_declaration(self) -> bool: ...

    def choices(self) -> Sequence[tuple[str, str, str]]:
        """The drills there are to choose from: name, title, summary."""
        ...

    def start(self, name: str = "", *, at_first_alert: bool = False) -> None: ...

    def stop(self) -> None:
        """End it; an incident that is still open is closed as abandoned."""
        ...


@dataclass(frozen=True, slots=True)
class ConsoleDeps:
    """What a console works with. ``drill`` can be started from the console.

    ``incident_id`` names the war room to open at once; ``save_theme`` remembers a chosen theme.
    """

    room: WarRoom
    watch_logs: WatchLogs
    themes: Sequence[Theme] = ()
    theme: str = ""
    """The name of the theme to begin with; "" for the settings'."""
    jobs: JobRunner = field(default_factory=JobRunner)
    background: tuple[Job, ...] = ()
    """Jobs that run as long as the console does."""
    drill: DrillControl | None = None
    start_drill: str = ""
    """The name of a drill to start at once."""
    briefing: tuple[str, str] | None = None
    """Title and text of the card the console begins with; when it is closed, the drill starts with its alert."""
    save_theme: Callable[[str], None] | None = None
    incident_id: str = ""
    notice: str = ""
    """What the person has to know at the start, shown once the home screen is there."""
    search: Callable[[], IncidentSearch] | None = None
    """The search of everything recorded; called off the event loop."""


class ScreenContext:
    """Connects the screens with the room. Every screen gets one; it knows none of them."""

    def __init__(self, app: App[Any], deps: ConsoleDeps) -> None:
        self.app = app
        self.room = deps.room
        self.feed = Feed(deps.room)
        self.jobs = deps.jobs
        self._background = deps.background
        self.drill = deps.drill
        self.search = deps.search
        self._attach_logs = deps.watch_logs
        self._logs: LogWatches | None = None
        self._runbook_runs: RunbookRuns | None = None
        self.pitfalls_shown: dict[str, dict[str, Literal["shown", "over"]]] = {}
        """The pitfalls that were shown in each incident, by their ids: still there, or dismissed or past."""
        self.presence = PresenceReporter(deps.room, deps.jobs)
        """Tells other consoles what this one shows."""
        # Room calls wait for the disk; two threads, so that a slow one does not hold up the next form.
        self._hands = ThreadPoolExecutor(max_workers=2, thread_name_prefix="room")

    @property
    def logs(self) -> LogWatches:
        """The log watches of this console."""
        if self._logs is None:
            from warroom.room.logwatch import LogWatches  # the log engine: home does without it

            self._logs = LogWatches(self.room, self._attach_logs, self.jobs)
        return self._logs

    @property
    def runbook_runs(self) -> RunbookRuns:
        """The commands of runbooks that this console runs."""
        if self._runbook_runs is None:
            from warroom.room.runbook_runs import RunbookRuns  # only for who runs one

            self._runbook_runs = RunbookRuns(self.room)
        return self._runbook_runs

    @property
    def keys(self) -> dict[str, str]:
        """The person's own keys, by action."""
        return self.room.settings.console.keys

    def with_keys(self, text: str) -> str:
        """``text`` with each ``{action}`` replaced by the person's key for it."""
        return with_keys(text, self.keys)

    @property
    def zone(self) -> tzinfo:
        """The team's time zone, which the screen shows."""
        return self.room.zone

    @property
    def drill_running(self) -> bool:
        """Whether a drill is being played: what is declared now is a drill's incident."""
        return self.drill is not None and self.drill.running

    def now(self) -> datetime:
        """The room's clock, UTC."""
        return self.room.clock()

    async def work(self, call: Callable[[], T]) -> T:
        """Run ``call`` off the loop; its result, or its WarroomError."""
        return await asyncio.get_running_loop().run_in_executor(self._hands, call)

    async def run_or_notify(self, call: Callable[[], T]) -> T | None:
        """Run ``call`` off the loop; a WarroomError is shown, and None returned."""
        try:
            return await self.work(call)
        except WarroomError as error:
            self.notify_error(error)
            return None

    async def open_draft(self, incident_id: str, form: str) -> str:
        """The draft that a form opens with, "" for none; a notification warns if it may be someone else's."""
        draft = await self.run_or_notify(lambda: self.room.open_draft(incident_id, form))
        if draft and draft.ownerless:
            self.notify(
                "This draft was saved by an earlier version, which did not record who wrote it."
                " It is yours now; check it before you send it.",
                "warning",
            )
        return draft.text if draft else ""

    def notify(
        self, text: str, severity: Literal["information", "warning", "error"] = "information", *, timeout: float = 6
    ) -> None:
        """Say something in passing, for ``timeout`` seconds."""
        self.app.notify(sanitize(text), severity=severity, markup=False, timeout=timeout)

    def notify_error(self, error: WarroomError) -> None:
        """Show an error: what happened, all blockers, and what to do."""
        blockers: Sequence[str] = error.blockers if isinstance(error, Refusal) else ()
        lines = [error.title, *(f"· {blocker}" for blocker in blockers), error.remedy]
        self.app.notify(
            sanitize("\n".join(line for line in lines if line)),
            severity="warning" if isinstance(error, Refusal) else "error",
            markup=False,
            timeout=10,
        )

    def start(self) -> None:
        """Begin to listen and to send."""
        self.feed.start()
        self.jobs.start(*self._background)

    def stop(self) -> None:
        """End what was begun; what is under way gets a moment."""
        if self.drill and self.drill.running:
            self.drill.stop()
        if self._runbook_runs is not None:
            self._runbook_runs.stop()
        if self._logs is not None:
            self._logs.stop()
        self.feed.stop()
        self.presence.stop()
        self.jobs.stop()
        self._hands.shutdown(wait=True, cancel_futures=True)
