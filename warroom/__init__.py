"""warroom: the terminal console a small team runs its production incidents in. Imports nothing; this is the map.

An incident is its timeline: everything that happens is a fact appended to a journal, and everything shown, posted
or reported is computed from those facts. The folders are one sentence: an **incident** is kept in the **journal**,
reaches the world through **connect**, is watched through **logs**, told in **reports**, run by the **room**, shown
by the **tui**, started by the **cli**.

    incident/        what an incident is: facts, decisions, time, the playbook. No clock, no I/O, no screen
    journal/         where facts are kept: port.py says what is asked, sqlite.py is the embedded default
    connect/         how the world is reached: ports.py, plugins.py, http.py (the only door to httpx), chat/;
                     guard.py keeps a backend's faults and mask.py its secrets from everything else
    logs/            how logs are read: sources, index, search, records; view.py is what a screen looks at
    reports/         what we say: messages, the post-mortem, its figures
    redact/          makes text inert and masks secrets, before it is drawn, kept, posted, exported or printed:
                     vendors.py has the token formats, a line each
    patterns.py      regular expressions somebody wrote, matched in linear time (RE2)
    settings.py      the settings file and its manual, who sits here, who is on call, secrets by reference
    secret_sources.py  reads a secret from a file or a command, in bounded time
    places.py        where files lie on this machine, and how one is written
    room/            the desk: WarRoom decides and writes, the courier delivers, the lookout says what is due,
                     the drill rehearses
    watchdog.py      ends the process in time after a signal or a quit, with the terminal restored
    crash_report.py  writes down an unexpected error, redacted
    wiring.py        puts the house together; the one file that names concrete classes
    tui/             how it looks
    cli/             how it starts: main.py (argument tree, exit codes), commands.py (a verb for every action),
                     arguments.py (what every verb takes), stdin.py, output.py (sole owner of stdout)
    playbooks/       small-team.toml, the framework as shipped; themes/ and sample_data/ stand beside the package

Imports run down this list of floors only, and siblings do not know each other:
cli → tui | wiring → room → journal | connect | logs | reports | settings → redact | places →
incident.

Where does a new thing go? A fact: incident/events.py. A rule: incident/decisions.py. A chat backend: one file in
connect/chat/ and one entry point. A key: one row in tui/actions.py. A verb: cli/commands.py. A setting:
settings.py, with the docstring that is its manual. A figure: reports/metrics.py.
"""

__version__ = "0.1.0"
