"""The composition root: the one file that names concrete classes and assembles the application. Decides nothing.

Nothing here loads what a verb does not need: a chat backend (and with it httpx) is imported when its first
message goes out, the template engine when a template is used.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, cast

from warroom import __version__, diagnostics, toml
from warroom.config.escalation import WHO
from warroom.config.hub import HubSettings
from warroom.config.loading import KeyCheck, load, load_playbook, who
from warroom.config.paths import JOURNAL, SEARCH_INDEX, AppPaths, chosen, shipped, shown
from warroom.config.personal import read as read_personal
from warroom.config.secrets import Secret
from warroom.config.settings import (
    AlertSourceSettings,
    Destination,
    IntegrationSettings,
    LogCommand,
    LogServiceSettings,
    ProbeSettings,
    RemoteLog,
    Settings,
)
from warroom.config.state import choose_theme, chosen_theme
from warroom.connect.ports import Chat, LogProbe, Probe
from warroom.errors import BadInput, NotFound, NotSaved, Refusal, SettingsError
from warroom.incident.delivery import AUDIENCES
from warroom.incident.playbook import Playbook
from warroom.incident.requests import REQUEST_KINDS, RequestKind
from warroom.journal.port import Journal
from warroom.journal.url import open_journal, sqlite_url
from warroom.room.room import WarRoom

if TYPE_CHECKING:
    from warroom.connect.guarded_alerts import GuardedAlerts
    from warroom.connect.guarded_integration import GuardedIntegration
    from warroom.connect.guarded_logs import GuardedLogs
    from warroom.connect.hook_server import HookServer
    from warroom.drill.catalog import DrillFile
    from warroom.drill.clock import ScaledClock
    from warroom.drill.on_demand import DrillOnDemand
    from warroom.drill.player import DrillPlayer
    from warroom.incident.incident import Incident
    from warroom.journal.hub.port import Hub
    from warroom.journal.hub.sync import HubSync
    from warroom.logs.line_count import LineCount
    from warroom.logs.sources.source import Source
    from warroom.logs.view import LogView
    from warroom.room.delivery_handler import DeliveryHandler
    from warroom.room.jobs import Job, JobRunner
    from warroom.room.outbox import OutboxWorker
    from warroom.room.search import IncidentSearch
    from warroom.room.shared_room import SharedRoom

HUB_VARIABLE = "WARROOM_HUB"
"""The environment variable that holds the address of the hub where the settings name none."""

TRANSCRIPT = "transcript"
"""The backend that needs no account: if no destination is configured it takes every message, drills included."""


def utc_now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)


def theme_of(settings: Settings, places: AppPaths, environ: Mapping[str, str]) -> str:
    """The theme to show: WARROOM_THEME, else the one chosen on this machine, else the settings'."""
    configured = settings.console.theme
    return configured if chosen("theme", environ, {})[0] else chosen_theme(places.data, configured)


class AppContext:
    """Everything one process works with, opened; a context manager that closes it.

    ``places`` has the paths of its files, ``by`` is the person at this console.
    """

    def __init__(
        self,
        places: AppPaths,
        settings: Settings,
        playbook: Playbook,
        journal: Journal,
        by: str,
        environ: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        self.places = places
        self.settings = settings
        self.playbook = playbook
        self.journal = journal
        self.environ = environ
        diagnostics.keep_log(places.data)
        self.shared: SharedRoom | None = None
        """The room that this laptop shares with others; None where the settings name no hub."""
        self._leases: list[str] = []
        shared_clock = None
        if settings.hub:
            from warroom.journal.hub.sync import HubClock, this_machine

            clock = shared_clock = HubClock(clock, journal.hub)
        self.room = WarRoom(journal, playbook, settings, by=by, clock=clock, chats=self.chat, measures=self.measure)
        if shared_clock:
            from warroom.room.shared_room import SharedRoom

            self.shared = shared = SharedRoom(self.room, places.journal, self.connect_hub, shared_clock)
            self.room.new_incident = lambda private: shared.new_incident(private=private)
            with suppress(NotSaved):  # read-only: there is nothing to share from here
                journal.hub.prepare(this_machine(places.journal))
            self.room.hub_word = lambda: shared.word(settings.team.zone)
        self.room.alert_sources = self.alert_source
        self.room.is_public = self.is_public_store
        if settings.trackers:
            from warroom.room.issue_tracking import close_finished

            self.room.consequences.append(functools.partial(close_finished, self.room))
        if settings.documents:
            from warroom.room.learnings import share_published  # not for who publishes nothing

            self.room.consequences.append(functools.partial(share_published, self.room))
        if settings.paging:
            from warroom.room.escalation import follow  # not for who pages nobody

            self.room.consequences.append(functools.partial(follow, self.room))

    @property
    def theme(self) -> str:
        """See ``theme_of``."""
        return theme_of(self.settings, self.places, self.environ)

    def choose_theme(self, name: str) -> None:
        """Remember a theme for this machine. ``SettingsError`` if that cannot be written."""
        choose_theme(self.places.data, name, self.settings.console.theme)

    def chat(self, name: str) -> Chat:
        """The destination of that name, its secrets looked up now. Opens no connection.

        ``NotFound`` if the settings name none such; ``SettingsError`` with the place of what is wrong.
        """
        destination = self.settings.destinations.get(name)
        if destination is None:
            known = ", ".join(self.settings.destinations)
            raise NotFound(f"There is no destination {toml.plain(name)}", f"The settings name: {known}.")
        return make_chat(destination, self.places, self.environ)

    @functools.cache  # noqa: B019 — the context exists as long as its process
    def measure(self, name: str) -> Chat:
        """The destination of that name without its secrets: it measures texts and can send none."""
        destination = self.settings.destinations.get(name)
        if destination is None:
            raise NotFound(f"There is no destination {toml.plain(name)}")
        return make_chat(destination, self.places, self.environ, secrets=False)

    def probe(self, name: str) -> Probe:
        """The probe of that name, its secrets looked up now. Opens no connection. Errors as ``chat``."""
        probe = self.settings.probes.get(name)
        if probe is None:
            raise NotFound(f"There is no probe {toml.plain(name)}", toml.allowed(self.settings.probes, name))
        return make_probe(probe, self.places, self.environ, self.settings)

    @functools.cached_property
    def jobs(self) -> JobRunner:
        """The background work of this process."""
        from warroom.room.jobs import JobRunner  # asyncio; not for verbs that only look

        return JobRunner()

    @functools.cached_property
    def search(self) -> IncidentSearch:
        """The search of everything recorded, its index beside the journal."""
        from warroom.journal.search_index import SearchIndex
        from warroom.room.search import IncidentSearch

        return IncidentSearch(self.room, SearchIndex(self.places.data / SEARCH_INDEX))

    def outbox(self) -> OutboxWorker:
        """A worker for this journal's outbox: start it with ``jobs``, or ``drain`` it."""
        from warroom.room.outbox import OutboxWorker  # asyncio; not for verbs that only look

        return OutboxWorker(self.room, handlers=self._integration_handlers())

    def _integration_handlers(self) -> list[DeliveryHandler]:
        kinds = [kind for kind in REQUEST_KINDS if self.settings.integrations(kind)]
        if not kinds:
            return []
        from warroom.room.integration_delivery import IntegrationDelivery

        return [IntegrationDelivery(self.room, kind, functools.partial(self.integration, kind)) for kind in kinds]

    def integration(self, kind: RequestKind, name: str) -> GuardedIntegration:
        """The service of that name for this kind of request, its secrets looked up now. Errors as ``chat``."""
        table = self.settings.integrations(kind).get(name)
        if table is None:
            raise NotFound(f"The settings name no {toml.plain(name)} for this", "See warroom help integrations.")
        return make_integration(kind, table, self.places, self.environ)

    def is_public_store(self, name: str) -> bool:
        """Whether customers read what is in a document store. One that cannot be told is taken for public."""
        from warroom.connect import plugins

        table = self.settings.documents.get(name)
        try:
            store = plugins.load(plugins.DOCUMENTS, table.backend).build if table else None
        except SettingsError:
            return True
        return bool(getattr(store, "public", True))

    def background_jobs(self) -> tuple[Job, ...]:
        """What a console does in the background, to start with ``jobs``: sends, reads the chat and the alerts, uses
        fallbacks, reminds, runs the probes, asks how workflows ended, records what changed. Only what the settings
        ask for is imported."""
        settings, jobs = self.settings, [cast("Job", self.outbox())]
        if any(one.backend != TRANSCRIPT for one in settings.destinations.values()):
            from warroom.room.inbox import ChatInbox

            jobs.append(self._alone(lambda: ChatInbox(self.room)))
        if any(one.fallback for one in settings.destinations.values()):
            from warroom.room.fallback import fallback_job

            jobs.append(self._alone(lambda: fallback_job(self.room)))
        if settings.reminders.wanted:
            from warroom.room.reminders import reminder_job

            jobs.append(self._alone(lambda: reminder_job(self.room)))
        if settings.alerts:
            from warroom.room.alert_watch import alert_watches

            watches = alert_watches(self.room, self.alert_source)
            jobs += (self._alone(make, without_hub=True) for make in watches)
        if settings.probes:
            from warroom.room.probe_watch import ProbeWatch

            jobs.append(ProbeWatch(self.room, self.probe, self.jobs.health))
        if settings.workflows:
            from warroom.room.workflow_watch import WorkflowWatch

            workflow = functools.partial(self.integration, "workflow")
            jobs.append(self._alone(lambda: WorkflowWatch(self.room, workflow), without_hub=True))
        if any(service.changes for service in settings.services):
            from warroom.room.changes import ChangesRecorder

            jobs.append(ChangesRecorder(self.room).job())
        if settings.trackers:
            from warroom.room.issue_tracking import issue_syncs

            jobs += map(self._alone, issue_syncs(self.room, functools.partial(self.integration, "issue")))
        jobs += self._on_call_jobs()
        if self.shared:
            jobs.insert(0, self.shared.job(wanted=self._leases, can_send=self.settings.destinations))
        return tuple(jobs)

    def _alone(self, make: Callable[[], Job], *, without_hub: bool = False) -> Job:
        """A job that one laptop of a shared room does: two would answer, remind or page twice.

        ``without_hub``: every laptop that is cut off from the hub does it, because doing it twice does no harm.
        """
        if self.shared is None:
            return make()
        from warroom.room.exclusive import ExclusiveJob

        holds = self.journal.hub.holds
        job = ExclusiveJob(
            make, lambda name: holds(name, self.room.clock()), self.shared.cut_off, without_hub=without_hub
        )
        self._leases.append(job.name)
        return job

    def _on_call_jobs(self) -> list[Job]:
        """The jobs that page, tell of handovers and follow a paging service's schedule."""
        table = self.settings.on_call
        jobs: list[Job] = []
        if self.settings.escalation:
            from warroom.room.escalation import escalation_job

            keyed = all(self.integration("page", name).dedupes for name in self.settings.paging)
            jobs.append(self._alone(lambda: escalation_job(self.room), without_hub=keyed))
        if table:
            from warroom.room.rota_watch import ScheduleWatch, rota_job

            jobs.append(self._alone(lambda: rota_job(self.room)))
            if table.schedule:
                jobs.append(ScheduleWatch(self.room, table.schedule, functools.partial(self.integration, "page")))
        return jobs

    def alert_source(self, name: str) -> GuardedAlerts:
        """The alert source of that name, its secrets looked up now. Opens no connection.

        ``NotFound`` if the settings name none such; ``SettingsError`` with the place of what is wrong.
        """
        table = self.settings.alerts.get(name)
        if table is None:
            raise NotFound(f"There is no alert source {toml.plain(name)}", "warroom alerts lists them.")
        return make_alert_source(table, self.places, self.environ)

    def _playbook_mark(self) -> str:
        """What teammates' laptops tell the team's playbook by: eight digits of a checksum of all that is in it."""
        import hashlib

        text = self.playbook.model_dump_json()
        return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()

    def connect_hub(self) -> tuple[Hub, HubSync]:
        """Connect to the hub, its address looked up now. ``SettingsError``, ``HubUnreachable``, ``HubRefused``."""
        from warroom.journal.hub.sync import HubSync, this_device, this_machine

        hub = open_hub(self.settings, self.environ)
        name = f"{self.room.by} ({this_device()})"
        machine = this_machine(self.places.journal)
        return hub, HubSync(
            self.journal.hub,
            hub,
            name=name,
            app=f"{__version__} {self._playbook_mark()}",
            machine=machine,
            clock=utc_now,
            scrub=self.journal.scrub,
        )

    def hook_server(self, address: str) -> tuple[HookServer, str]:
        """A job that receives webhooks on ``HOST:PORT`` for the alert sources, and the address it listens on.

        ``BadInput`` where it cannot listen there, ``Refusal`` if no source is a webhook, or if others than this
        machine could send to one without a secret.
        """
        from warroom.connect import hook_server
        from warroom.connect.ports import ReceivingSource
        from warroom.room.hook_receiver import HookReceiver

        names = [name for name, table in self.settings.alerts.items() if not table.polled]
        if not names:
            remedy = 'Add [alerts.NAME] with backend = "webhook" to the settings.'
            raise Refusal("No alert source is a webhook", remedy)
        guarded = {name: self.alert_source(name) for name in names}
        sources = {name: cast("ReceivingSource", one.source) for name, one in guarded.items()}
        routes = [
            hook_server.Route(
                sources[name].path(name).encode(), HookReceiver(self.room, name, guarded[name].read).receive
            )
            for name in names
        ]
        listening = hook_server.listen(address)
        open_to_all = [name for name, source in sources.items() if not source.has_secret]
        if open_to_all and not hook_server.is_local(listening):
            listening.close()
            raise Refusal(
                f"Other machines could send alerts: [alerts.{open_to_all[0]}] has no secret",
                'Give it one: secret = { env = "NAME" }, or listen on 127.0.0.1.',
            )
        return hook_server.HookServer(listening, routes), hook_server.address_of(listening)

    @property
    def drill_logs(self) -> Path:
        """Where drills in the team's own console write their logs."""
        return self.places.data / "drill"

    @property
    def drill_folders(self) -> list[Path]:
        """Where the team's own drills are: beside the settings, and where those say."""
        return [self.places.settings.parent / "drills", *map(Path, self.settings.drills.folders)]

    def drill_on_demand(
        self, folder: Path, clock: ScaledClock | None = None, player: DrillPlayer | None = None, pace: float = 1.0
    ) -> DrillOnDemand:
        """The drills, their logs in ``folder``, for someone who may start one; ``player`` is ready to begin with.

        ``clock`` and ``pace`` as for ``drill``.
        """
        from warroom.drill.on_demand import DrillOnDemand

        def find() -> list[DrillFile]:
            from warroom.drill.catalog import find_drills

            return find_drills(self.drill_folders)

        def elsewhere(service: str) -> Incident | None:
            from warroom.drill.leftovers import played_elsewhere

            return played_elsewhere(self.room, service) if self.shared else None

        return DrillOnDemand(
            lambda name, given: self.drill(folder, clock, name, given or pace), find, player, elsewhere
        )

    def drill(
        self, folder: Path, clock: ScaledClock | None = None, name: str = "", pace: float = 1.0
    ) -> DrillPlayer:
        """The drill of that name with the team in its parts, its logs in ``folder``; "" for the default.

        ``clock`` is the room's if that is scaled; ``pace`` is how many times as fast its script runs. ``NotFound``
        for an unknown name, ``SettingsError`` for a script with mistakes.
        """
        from warroom.drill import catalog
        from warroom.drill.casting import give_parts
        from warroom.drill.clock import WallClock
        from warroom.drill.player import DrillPlayer

        chosen = catalog.pick_drill(catalog.find_drills(self.drill_folders), name or catalog.DEFAULT)
        assert chosen.script
        script = give_parts(chosen.script, self.room)
        return DrillPlayer(self.room, script, folder, clock or WallClock(), self.jobs, name=chosen.name, pace=pace)

    def end_leftover_drills(self) -> list[str]:
        """End the drills whose console was killed; the ids of their incidents."""
        team, rows = self.room.team(), self.room.summaries()
        if not any(row.drill and row.open for row in rows) and not any(a.event.drill for a in team.alerts.values()):
            return []
        from warroom.drill.leftovers import end_leftovers  # few starts need it

        return end_leftovers(self.room, self.drill_logs)

    def watch_logs(self, view: LogView, service: str, more: Sequence[Path | str | int] = ()) -> None:
        """Have the view read the logs of a service, and ``more``: files, names as the settings have them, or open
        pipes by number.

        A file that is not there yet is waited for. Raises ``BadInput`` for a name that cannot be meant.
        """
        here = {path.name for path in more if isinstance(path, Path)}
        # A file that is passed in (a drill's) replaces the one of that name in the settings.
        known = [
            log for log in self.service_logs(service) if not isinstance(log, str) or Path(log).name not in here
        ]
        add_logs(view, [*more, *known], functools.partial(remote_source, self.settings, self.places, self.environ))

    def service_logs(self, service: str) -> list[str | LogCommand | RemoteLog]:
        """The logs of a service as the settings name them."""
        known = self.settings.service(service)
        return list(known.logs) if known else []

    def close(self) -> None:
        """Stop the background work and close the journal."""
        if "jobs" in self.__dict__:
            self.jobs.stop()
        if "search" in self.__dict__:
            self.search.close()
        self.journal.close()

    def __enter__(self) -> AppContext:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


RemoteSource = Callable[[RemoteLog], "Source"]
"""Makes the source of a log that a log service keeps: ``remote_source`` of these settings."""


def add_logs(
    view: LogView, logs: Iterable[Path | str | int | LogCommand | RemoteLog], remote: RemoteSource | None = None
) -> None:
    """Have the view read these logs: files, names (see ``logs.sources.discovery``), open pipes by number, commands,
    logs of a log service (which ``remote`` makes).

    Raises ``BadInput`` for a name that cannot be meant.
    """
    for log in logs:
        for source in log_sources(log, view.add, remote):
            view.add(source)


def log_sources(
    log: Path | str | int | LogCommand | RemoteLog,
    add: Callable[[Source], object],
    remote: RemoteSource | None = None,
) -> Sequence[Source]:
    """The sources of a log, as for ``add_logs``; those of files that appear later are passed to ``add``."""
    from warroom.logs.sources import discovery
    from warroom.logs.sources.command import CommandSource
    from warroom.logs.sources.pipe import StreamSource

    if isinstance(log, int):
        return [StreamSource(log)]
    if isinstance(log, LogCommand):
        return [CommandSource(log.command, log.name)]
    if isinstance(log, RemoteLog):
        assert remote is not None, "a log service is read only with the settings"
        return [remote(log)]
    try:
        return discovery.sources(str(log), add)
    except ValueError as error:
        raise BadInput(f"{toml.plain(str(log))} is not a log: {error}", "Write run:COMMAND.") from None


def remote_source(settings: Settings, places: AppPaths, environ: Mapping[str, str], log: RemoteLog) -> Source:
    """The source of a log that a log service keeps. Asks nothing yet."""
    from warroom.logs.sources.polled import PolledSource

    service = settings.log_services[log.service]
    make = functools.partial(make_log_service, service, log.query, places, environ)
    return PolledSource(log.label, make, service.every)


def count_lines(
    settings: Settings, places: AppPaths, environ: Mapping[str, str], service: str, match: str, log: str
) -> LineCount:
    """Begin to count the lines that match (errors for "") in the logs of a service, or in the one called ``log``.

    Raises ``BadInput`` for a name that cannot be meant.
    """
    from warroom.logs.line_count import LineCount

    known = settings.service(service)
    count = LineCount(match, wall=utc_now, zone=settings.team.zone)
    for one in [one for one in (known.logs if known else ()) if log in ("", log_name(one), one)]:
        for source in log_sources(one, count.add, functools.partial(remote_source, settings, places, environ)):
            count.add(source)
    return count


def log_name(log: str | LogCommand | RemoteLog) -> str:
    """What the console calls a log of the settings."""
    if isinstance(log, RemoteLog):
        return log.label
    if isinstance(log, LogCommand):
        return log.name or log.command[0]
    return Path(log).name


class Configuration(NamedTuple):
    """The configuration as read, before anything is opened: ``read_configuration``."""

    places: AppPaths
    settings: Settings
    playbook: Playbook
    flags: Mapping[str, str | None]


def open_context(
    settings: str | Path | None = None,
    data: str | Path | None = None,
    by: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] = utc_now,
    reading: bool = False,
) -> AppContext:
    """Open the application with these settings, data folder and person; None means environment, then default.

    ``reading`` is for who will post nothing: a team's own templates are then not tried out. Raises
    ``SettingsError`` for settings and playbook, ``JournalError`` for the journal, with nothing left open.
    """
    environ = os.environ if environ is None else environ
    return open_with(read_configuration(settings, data, by, environ, reading=reading), environ, clock)


def read_configuration(
    settings: str | Path | None,
    data: str | Path | None,
    by: str | None,
    environ: Mapping[str, str],
    *,
    reading: bool = False,
    ignored: bool = False,
    key_check: KeyCheck | None = None,
) -> Configuration:
    """Read and check the settings and the playbook, as for ``open_context``. Opens nothing.

    ``ignored`` and ``key_check`` as for ``read_settings``.
    """
    places, chosen, flags = read_settings(settings, data, by, environ, ignored=ignored, key_check=key_check)
    playbook = load_playbook(chosen)
    check_severities(places, chosen, playbook)
    if not reading:
        check_playbook(chosen, playbook)
    return Configuration(places, chosen, playbook, flags)


def open_with(
    configuration: Configuration, environ: Mapping[str, str], clock: Callable[[], datetime] = utc_now
) -> AppContext:
    """Open the application as configured. ``SettingsError`` if no person can be determined, ``JournalError``."""
    places, settings, playbook, flags = configuration
    person = who(settings, environ, flags)
    use_redaction(settings)
    return AppContext(
        places, settings, playbook, open_journal(sqlite_url(places.make_data() / JOURNAL)), person, environ, clock
    )


def open_demo(
    folder: Path, speed: float, by: str | None = None, *, environ: Mapping[str, str] | None = None
) -> tuple[AppContext, DrillPlayer]:
    """Open the shipped sample data in ``folder``, with whoever is on call there as the person, and its drill.

    Its clock runs ``speed`` times as fast as the wall's; infinite plays without waiting. No setting of this
    machine's counts but how the person's console looks and its keys.
    """
    from warroom.drill.clock import ScaledClock

    environ = os.environ if environ is None else environ
    counts = ("WARROOM_THEME", "WARROOM_PERSONAL")
    kept = {name: value for name, value in environ.items() if name[:8] != "WARROOM_" or name in counts}
    file = shipped("sample_data") / "settings.toml"
    clock = ScaledClock(speed)
    person = by or load(file, kept).person_on_call(clock())
    house = open_context(file, folder, person, environ=kept, clock=clock)
    return house, house.drill(folder / "logs", clock)


def read_settings(
    settings: str | Path | None,
    data: str | Path | None,
    by: str | None,
    environ: Mapping[str, str],
    *,
    ignored: bool = False,
    key_check: KeyCheck | None = None,
) -> tuple[AppPaths, Settings, dict[str, str | None]]:
    """The paths, the settings with at least one destination, and the flags they were read by.

    The flags have what the personal settings say instead, where neither a flag nor the environment does. With
    ``ignored`` no settings file, no personal one and no playbook of the team's is read: the defaults count, the
    transcript is the only destination, and the paths are the usual ones. ``key_check`` checks [console.keys].
    """
    flags = {
        "settings": str(settings) if settings else None,
        "data": str(data) if data else None,
        "as": by or None,
    }
    if ignored:
        configured = Settings()
    else:
        personal = read_personal(environ)
        flags = personal.fill_in(environ, flags)
        override = functools.partial(personal.override, key_check=key_check)
        configured = load(None, environ, flags, key_check, override)
    if not configured.hub and chosen("hub", environ, {})[0]:
        configured = configured.model_copy(update={"hub": HubSettings(url=Secret(env=HUB_VARIABLE))})
    return AppPaths.find(environ, flags), with_defaults(configured), flags


def use_redaction(settings: Settings) -> None:
    """From now on everything in this process is masked by the team's rules too."""
    from warroom import safety as redact

    chosen = settings.redaction
    redact.use(redact.Rules.of([(rule.name, rule.pattern) for rule in chosen.rules], chosen.off, ips=chosen.ips))


def with_defaults(settings: Settings) -> Settings:
    """The settings with somewhere to post to: without any destination a transcript in the data folder.

    A transcript takes drills unless the settings forbid it: it is a local file.
    """
    destinations = dict(settings.destinations)
    if not destinations:
        destinations = {
            TRANSCRIPT: Destination(name=TRANSCRIPT, backend=TRANSCRIPT, audiences=AUDIENCES, drills=True)
        }
    for name, destination in destinations.items():
        if destination.backend == TRANSCRIPT and "drills" not in destination.model_fields_set:
            destinations[name] = destination.model_copy(update={"drills": True})
    return settings.model_copy(update={"destinations": destinations})


def check_playbook(settings: Settings, playbook: Playbook) -> None:
    """Try out every template of a team's own playbook; the shipped one is known to be good.

    Raises ``SettingsError`` naming each template that cannot be used.
    """
    if settings.playbook:
        from warroom.reports.templates import check_templates  # loads the template engine

        check_templates(playbook, shown(Path(settings.playbook)))


def check_severities(places: AppPaths, settings: Settings, playbook: Playbook) -> None:
    """Raise ``SettingsError`` with the place of each severity and role that the playbook has not."""
    known = [severity.id for severity in playbook.severities]
    mistakes = [
        toml.Mistake(
            ("alerts", name, "severities", word),
            f'"{toml.plain(severity)}" is no severity of the playbook',
            toml.allowed(known, severity),
        )
        for name, source in settings.alerts.items()
        for word, severity in source.severities.items()
        if severity not in known
    ]
    mistakes += escalation_mistakes(settings, playbook)
    if mistakes:
        raise toml.refuse(mistakes, places.settings.read_text(encoding="utf-8"), shown(places.settings))


def escalation_mistakes(settings: Settings, playbook: Playbook) -> list[toml.Mistake]:
    """What is wrong with [escalation] by this playbook: severities it has not, and names that are nobody's."""
    table, found = settings.escalation, []
    if table is None:
        return []
    severities = [severity.id for severity in playbook.severities]
    for number, severity in enumerate(table.severities):
        if severity not in severities:
            wrong = f'"{severity}" is no severity of the playbook'
            path = ("escalation", "severities", number)
            found.append(toml.Mistake(path, wrong, toml.allowed(severities, severity)))
    known = [*WHO, *(role.id for role in playbook.roles), *(person.name for person in settings.team.people)]
    for number, step in enumerate(table.steps):
        for place, name in enumerate(step.page):
            if name not in known:
                wrong = f'"{name}" is nobody: no person and no role'
                found.append(
                    toml.Mistake(("escalation", "steps", number, "page", place), wrong, toml.allowed(known, name))
                )
    return found


def hub_url(settings: Settings, environ: Mapping[str, str]) -> str:
    """The address of the hub, looked up now. ``SettingsError`` if it cannot be, or if it is none."""
    from warroom.config.secrets import resolve
    from warroom.journal.hub.postgres import check_url

    if settings.hub is None:
        raise SettingsError("The settings name no hub", "Add [hub] with url: see warroom help hub.")
    try:
        return check_url(resolve(settings.hub.url, environ))
    except SettingsError as error:
        raise SettingsError(f"[hub] url: {error.title}", error.remedy) from None


def open_hub(settings: Settings, environ: Mapping[str, str]) -> Hub:
    """Connect to the hub. ``SettingsError``, ``HubUnreachable``, ``HubRefused``."""
    try:
        from warroom.journal.hub.postgres import PostgresHub
    except ImportError:
        raise SettingsError(
            "The hub needs psycopg, which is not installed", "Install it: pip install 'warroom[hub]'"
        ) from None
    return PostgresHub(hub_url(settings, environ))


def make_chat(
    destination: Destination, places: AppPaths, environ: Mapping[str, str], *, secrets: bool = True
) -> Chat:
    """The backend of ``destination``, guarded, its options checked by its own model and its secrets looked up.

    Without ``secrets`` none is looked up: such a chat renders and measures texts, and can send none.
    Raises ``SettingsError`` with file, table and key, whatever the backend does; it holds no secret.
    """
    from warroom.connect import plugins
    from warroom.connect.guarded_chat import GuardedChat
    from warroom.connect.options import OptionsTable, build_plugin

    table = OptionsTable(
        ("destinations", destination.name), destination.options, places.settings, destination.plain_secrets
    )
    built = build_plugin(
        plugins.CHAT, destination.backend, table, environ, look_up=secrets, defaults={"folder": places.data}
    )
    try:
        chat = GuardedChat(destination.name, built.plugin, built.mask, built.package)
    except SettingsError as error:
        raise table.locate(error) from None
    if others := [one for one in destination.audiences if one not in chat.audiences]:
        readers = " and ".join(chat.audiences)
        wrong = SettingsError(
            f"{destination.backend} is read by {readers}, not by {others[0]}",
            f"Write audiences = {json.dumps(list(chat.audiences))}.",
        )
        raise table.locate(wrong, "audiences")
    return chat


def make_alert_source(source: AlertSourceSettings, places: AppPaths, environ: Mapping[str, str]) -> GuardedAlerts:
    """The backend of an alert source, guarded, its options checked by its own model and its secrets looked up.

    Raises ``SettingsError`` with file, table and key, whatever the backend does; it holds no secret.
    """
    from warroom.connect import plugins
    from warroom.connect.guarded_alerts import GuardedAlerts
    from warroom.connect.options import OptionsTable, build_plugin

    table = OptionsTable(("alerts", source.name), source.options, places.settings, source.plain_secrets)
    built = build_plugin(plugins.ALERTS, source.backend, table, environ)
    return GuardedAlerts(source.name, built.plugin, built.mask, built.package)


def make_probe(
    probe: ProbeSettings, places: AppPaths, environ: Mapping[str, str], settings: Settings | None = None
) -> Probe:
    """The probe that these settings describe, guarded, its options checked by its kind's own model.

    ``settings`` are those that name the logs of its service. Raises ``SettingsError`` with file, table and key; it
    holds no secret.
    """
    from warroom.connect import plugins
    from warroom.connect.guarded_probe import GuardedProbe
    from warroom.connect.options import OptionsTable, build_plugin

    table = OptionsTable(("probes", probe.name), probe.options, places.settings, probe.plain_secrets, "kind")
    built = build_plugin(plugins.PROBES, probe.kind, table, environ)
    if isinstance(built.plugin, LogProbe):
        settings = settings or Settings()
        service = settings.service(probe.service) if probe.service else None
        if service is None or not service.logs:
            why = f"{service.name} has no logs" if service else "is needed: whose logs to look into"
            raise table.locate(SettingsError(why, "Name a service that has logs."), "service")
        log = str(probe.options.get("log", ""))
        if log and log not in {*map(log_name, service.logs), *map(str, service.logs)}:
            wrong = SettingsError(
                f"{service.name} has no log {toml.plain(log)}", toml.allowed(map(log_name, service.logs), log)
            )
            raise table.locate(wrong, "log")
        built.plugin.use_logs(functools.partial(count_lines, settings, places, environ, service.name))
    return GuardedProbe(probe.name, built.plugin, built.mask, built.package)


def make_integration(
    kind: RequestKind, integration: IntegrationSettings, places: AppPaths, environ: Mapping[str, str]
) -> GuardedIntegration:
    """The service that these settings describe, guarded, its options checked by its backend's own model.

    Raises ``SettingsError`` with file, table and key; it holds no secret.
    """
    from warroom.connect import plugins
    from warroom.connect.guarded_integration import GuardedIntegration
    from warroom.connect.options import OptionsTable, build_plugin

    header, plugin_kind = {
        "page": ("paging", plugins.PAGING),
        "document": ("documents", plugins.DOCUMENTS),
        "issue": ("trackers", plugins.TRACKERS),
        "workflow": ("workflows", plugins.WORKFLOWS),
    }[kind]
    table = OptionsTable(
        (header, integration.name), integration.options, places.settings, integration.plain_secrets
    )
    built = build_plugin(plugin_kind, integration.backend, table, environ)
    try:
        return GuardedIntegration(integration.name, built.plugin, built.mask, built.package)
    except SettingsError as error:
        raise table.locate(error) from None


def make_log_service(
    service: LogServiceSettings, query: str, places: AppPaths, environ: Mapping[str, str]
) -> GuardedLogs:
    """What reads the lines that ``query`` finds in a log service, its secrets looked up.

    Raises ``SettingsError`` with file, table and key, whatever the backend does; it holds no secret.
    """
    from warroom.connect import plugins
    from warroom.connect.guarded_logs import GuardedLogs
    from warroom.connect.options import OptionsTable, build_plugin

    table = OptionsTable(("log_services", service.name), service.options, places.settings, service.plain_secrets)
    built = build_plugin(plugins.LOGS, service.backend, table, environ)
    return GuardedLogs(service.name, built.plugin, query, built.mask, built.package)
