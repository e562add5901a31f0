"""warroom: the terminal console a small team runs its production incidents in. Imports nothing; this is the map.

An incident is its timeline: everything that happens is an event appended to a journal, and everything shown, posted
or reported is computed from those events.

    errors.py        the tree of errors, each with a title and a remedy
    toml.py          reads TOML and reports where each mistake is
    incident/        the domain, pure: events, commands, the Incident, time, advice, the playbook. No clock, no I/O
    collector.py     when Python's garbage collector runs: not while modules load
    watchdog.py      ends the process in time after a signal or a quit, with the terminal restored
    safety/          text from outside: sanitizes it and masks secrets before it is drawn, kept, posted or printed
    config/          settings and their manual, secrets by reference, the on-call rota, where files lie
    diagnostics.py   crash reports, redacted
    journal/         where events are kept: port.py says what is asked, sqlite.py is the embedded default;
                     search_index.py is a copy to search, made anew at any time; hub/ shares with other laptops
    connect/         the outside world: ports.py, plugins.py, http.py (the only import of httpx), chat/, alerts/
    logs/            reads logs: sources, blocks, filter, finder, merge, statistics, view
    reports/         pure functions of incidents: messages, the post-mortem, figures, their rendering
    room/            the application service: WarRoom executes commands, the outbox worker delivers
    drill/           plays a scripted incident against the same WarRoom: script.py is its format, player.py plays it
    bootstrap.py     the composition root; the one file that names concrete classes
    tui/             the screen
    cli/             the command line: main.py (options, exit codes), verbs/, output.py (the only writer of stdout)
    playbooks/       small-team.toml, the playbook that is shipped; themes/ and sample_data/ lie beside the package
    docs/            the manual that is shipped
    testing/         test kits for authors of plugins

Imports point down, and siblings do not import each other:
cli → tui | bootstrap → drill → room → journal | connect | logs | reports → diagnostics → config → safety →
watchdog | collector → incident → toml → errors.

Where does a new thing go? A fact: incident/events.py. A rule: incident/commands.py. "What next":
incident/advice.py. A vendor: one file in connect/<kind>/ and one entry point. A pane: one file in tui/panes/.
A key: one row in tui/actions.py. A verb: cli/verbs/. A figure: reports/metrics.py.
A setting: config/settings.py, with the docstring that is its manual.
"""

__version__ = "0.1.0"
