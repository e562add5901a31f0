"""The spectators' page as one HTML file: light and dark, phone width, printable. Loads nothing. Pure.

A script of its own, allowed by its hash, keeps durations going and warns once the page is out of date; without
scripts the page reads as it was written.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from html import escape

from warroom.incident import timing
from warroom.reports.messages import format_moment
from warroom.reports.spectators import STALE_AFTER, SpectatorIncident, SpectatorPage

RELOAD_S = 30
"""How often the browser loads the page anew, in seconds."""

_SCRIPT = """
(() => {
  "use strict";
  const page = document.documentElement.dataset;
  const words = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return s + " s";
    const parts = [[s / 86400, "d"], [(s / 3600) % 24, "h"], [(s / 60) % 60, "min"]];
    const whole = parts.map(([n, unit]) => [Math.floor(n), unit]).filter(([n]) => n);
    return whole.map(([n, unit]) => n + " " + unit).join(" ");
  };
  const each = (name, text) =>
    document.querySelectorAll("[data-" + name + "]").forEach((one) => {
      one.textContent = text(Date.parse(one.dataset[name]));
    });
  const tick = () => {
    const now = Date.now();
    each("since", (at) => words(now - at));
    each("due", (at) => (at < now ? words(now - at) + " overdue" : "in " + words(at - now)));
    const age = now - Date.parse(page.asOf);
    document.getElementById("age").textContent = words(age);
    document.getElementById("stale").hidden = age <= 1000 * Number(page.staleAfter);
  };
  tick();
  setInterval(tick, 1000);
})();
"""

_SCRIPT_HASH = b64encode(sha256(_SCRIPT.encode()).digest()).decode()

_STYLE = """
:root { color-scheme: light dark; --text: #1a1a1a; --quiet: #5a6472; --page: #fff; --card: #f6f8fa; --line: #ccd3dc;
  --bad: #b3261e; --good: #1d6b3a; --warn-text: #3d2a00; --warn-page: #ffe3a3; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e1e7ef; --quiet: #9fadbf; --page: #10151c; --card: #18202b; --line: #3a4656;
    --bad: #ff9a92; --good: #7fd69b; --warn-text: #ffe3a3; --warn-page: #4a3500; }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 56rem;
  margin: 1.5rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .25rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { margin: .25rem 0; }
.quiet { color: var(--quiet); font-size: .9rem; }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); font-weight: 600; }
#stale { color: var(--warn-text); background: var(--warn-page); border: 2px solid; border-radius: .25rem;
  padding: .5rem .75rem; margin: .75rem 0; font-weight: 600; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem;
  margin: 1rem 0; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: .5rem 1rem;
  margin: .75rem 0; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
blockquote { margin: .25rem 0; padding-left: .75rem; border-left: 3px solid var(--line); white-space: pre-wrap; }
ol { list-style: none; margin: 0; padding: 0; }
li { display: grid; grid-template-columns: 11.5rem 5.5rem 1fr; gap: 0 .75rem; padding: .2rem 0;
  border-top: 1px solid var(--line); font-size: .95rem; }
li time, li span { color: var(--quiet); }
li p { margin: 0; }
@media (max-width: 40rem) { li { grid-template-columns: 1fr auto; } li p { grid-column: 1 / -1; } }
@media print {
  :root { --text: #000; --quiet: #444; --page: #fff; --card: #fff; --line: #bbb; --bad: #000; --good: #000;
    --warn-text: #000; --warn-page: #fff; }
  body { font-size: 10.5pt; max-width: none; margin: 0; padding: 0; }
  article, li { break-inside: avoid; }
}
"""

_PAGE = """<!doctype html>
<html lang="en" data-as-of="{as_of}" data-stale-after="{stale_after}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'sha256-{script_hash}'; base-uri 'none'; form-action 'none'">
<meta http-equiv="refresh" content="{reload}">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{heading}</h1>
<p class="quiet">As of <time datetime="{as_of}">{written}</time>. Internal: not for customers.</p>
<p id="stale" role="alert" hidden>Out of date: written <span id="age"></span> ago. warroom watch no longer updates \
this page, or the clock of this device is wrong. Ask the incident's channel where things stand.</p>
<noscript><p class="quiet">Scripts are off: durations do not tick, and nothing warns you when this page is out of \
date. Compare the time above with your clock.</p></noscript>
</header>
<main>
{body}
</main>
<script>{script}</script>
</body>
</html>
"""


def to_html(page: SpectatorPage, zone: tzinfo) -> str:
    """Render the page, with times in ``zone``."""
    live = sum(one.resolved_at is None for one in page.incidents)
    count = f"{live} open incident{'s' * (live != 1)}" if live else "No open incidents"
    heading = f"{page.team}: {count[:1].lower()}{count[1:]}" if page.team else count
    body = [part for one in page.incidents for part in _article(one, page.as_of, zone)]
    if page.unreadable:
        names = ", ".join(page.unreadable)
        body.append(f'<p class="bad">Not shown because the journal cannot be read: {escape(names)}.</p>')
    return _PAGE.format(
        as_of=_iso(page.as_of),
        stale_after=int(STALE_AFTER.total_seconds()),
        script_hash=_SCRIPT_HASH,
        reload=RELOAD_S,
        title=escape(heading),
        heading=escape(heading),
        written=escape(f"{page.as_of.astimezone(zone):%Y-%m-%d} {format_moment(page.as_of, zone)}"),
        style=_STYLE,
        script=_SCRIPT,
        body="\n".join(body),
    )


def _article(one: SpectatorIncident, now: datetime, zone: tzinfo) -> Iterator[str]:
    drill = "DRILL · " if one.drill else ""
    yield f'<article id="{escape(one.id)}">'
    yield f"<h2>{escape(f'{drill}{one.id} · {one.severity_title} · {one.service}')}</h2>"
    yield f"<p>{escape(one.impact)}</p>"
    yield "<dl>"
    yield _fact("Status", f'<span class="{_status_class(one)}">{escape(one.status.capitalize())}</span>')
    yield _elapsed(one)
    yield _fact("Started", _time(one.started_at, now, zone))
    if one.resolved_at:
        yield _fact("Resolved", _time(one.resolved_at, now, zone))
    leads = escape(one.commander) if one.commander else '<span class="bad">nobody yet</span>'
    yield _fact("Incident commander", leads if one.commander or not one.resolved_at else "nobody")
    for update in one.next_updates:
        past = update.due < now
        took = timing.format_duration(abs(update.due - now))
        distance = f"{took} overdue" if past else f"in {took}"
        ticking = f'<span data-due="{_iso(update.due)}">{distance}</span>'
        due = f"{_time(update.due, now, zone)}<br>{ticking}"
        yield _fact(f"Next update to {'the team' if update.audience == 'team' else update.audience}", due)
    yield "</dl>"
    yield from _public_update(one, now, zone)
    if one.events:
        yield "<h3>Key events</h3>\n<ol>"
        for event in one.events:
            what = f"<span>{escape(event.kind)}</span><p>{escape(event.text)}</p>"
            yield f"<li>{_time(event.at, now, zone)}{what}</li>"
        yield "</ol>"
    yield "</article>"


def _elapsed(one: SpectatorIncident) -> str:
    took = timing.format_duration(timedelta(seconds=one.elapsed_s))
    ticking = "" if one.resolved_at else f' data-since="{_iso(one.started_at)}"'
    return _fact("Took" if one.resolved_at else "Elapsed", f"<span{ticking}>{took}</span>")


def _public_update(one: SpectatorIncident, now: datetime, zone: tzinfo) -> Iterator[str]:
    yield "<h3>Last update to customers</h3>"
    update = one.last_public_update
    if update is None:
        yield '<p class="quiet">None so far.</p>'
        return
    yield f'<p class="quiet">{_time(update.at, now, zone)}</p>'
    if not update.delivered:
        yield '<p class="bad">Not delivered yet: customers may not have seen it.</p>'
    yield f"<blockquote>{escape(update.text)}</blockquote>"


def _status_class(one: SpectatorIncident) -> str:
    return "bad" if one.status == "investigating" else "good"


def _fact(name: str, value: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>"


def _time(at: datetime, now: datetime, zone: tzinfo) -> str:
    return f'<time datetime="{_iso(at)}">{escape(format_moment(at, zone, now))}</time>'


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
