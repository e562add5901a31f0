"""Parse one log line: its time, its level, whether it continues the record before. Opens no file, draws nothing.

Recognised: ISO 8601 and its relatives, syslog (RFC 3164 and 5424), log4j, logback and Python logging, glog and
klog, nginx and Apache access and error logs (an access line's level is that of its HTTP status), PostgreSQL, Rails,
Redis, JSON lines (bunyan, pino, zap, structlog, ECS, GCP, journald, GELF …), logfmt, epoch seconds to nanoseconds;
each also behind the prefix a container runtime or syslog puts before it. What other lines mean is learned
from their neighbours (``shapes``). But for JSON only the head of a line is read, so that the cost does not grow
with the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

from warroom.logs.timestamps import MONTH, STAMP, Stamp, found_in, stamp_at, value_stamp

Level = Literal["trace", "debug", "info", "warn", "error", "fatal"]
LEVELS: tuple[Level, ...] = get_args(Level)

_RANKS: dict[Level | None, int] = {None: -1, **{level: rank for rank, level in enumerate(LEVELS)}}


def rank(level: Level | None) -> int:
    """The level as a number, trace 0 to fatal 5; a line without one is below them all."""
    return _RANKS[level]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of one source, as it may be kept as evidence: ``text`` has been made safe by ``warroom.safety``.

    ``line`` counts from 1, and is None where lines cannot be numbered (yet); ``time`` is in UTC.
    """

    source: str
    line: int | None
    time: datetime | None
    level: Level | None
    text: str


# ---------------------------------------------------------------------------------------------- what is asked


class LineFacts(NamedTuple):
    """What a line contains; ``continues``: it belongs to the record before it."""

    level: Level | None
    time: datetime | None
    continues: bool


def is_continuation(text: str) -> bool:
    """Whether the line by its own look goes on with the record before: part of a stack trace, indented, a closing
    bracket, PostgreSQL's DETAIL. A first line may look so too; then it is its own record."""
    if not text or text[0] in " \t":
        return bool(text)
    if text[0] in "0123456789<{" and ":  " not in text[:_HEAD]:
        return False
    return _GOES_ON.match(text, 0, 2 * _HEAD) is not None or PG_PART.search(text, 0, _HEAD) is not None


_GOES_ON = re.compile(
    r"Caused by: |Suppressed: |\.\.\. \d+ (?:more|common frames)|at [\w.$<>/]+[(:]"
    r"|Traceback \(most recent call last\)|During handling of the above exception"
    r"|The above exception was the direct cause|[)}\]]+[,;]?$|\^+$|[|+]-*[ +|]"
    r"|(?:[A-Za-z_]\w*\.){0,8}[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|Iteration|Fault|Group)(?::|$| \()"
    r"|goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\]]*\]:$|created by [\w./*()-]+|exit status \d+$"
    r"|\[signal SIG|[\w./-]{1,200}+(?:\(\*?[\w.\[\]]{1,100}\)[\w.\[\]]{1,100}+)?\((?:0x|\{|\.\.\.|\)$)"
    r"|stack backtrace:|note: run with `RUST_BACKTRACE|--- End of |---> [\w.]+(?:Exception|Error)"
)
PG_PART = re.compile(r"\[\d+(?:-\d+)?\][: ][^:]{0,120}?(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION):  ")


# ---------------------------------------------------------------------------------------------- levels

_HEAD = 240  # characters: the level is before the message
NAMES: dict[str, Level] = {
    "trace": "trace",
    "verbose": "trace",
    "finest": "trace",
    "finer": "trace",
    "trc": "trace",
    "silly": "trace",
    "trce": "trace",
    "vrb": "trace",
    "debug": "debug",
    "dbg": "debug",
    "debg": "debug",
    "dbug": "debug",
    "fine": "debug",
    "info": "info",
    "notice": "info",
    "information": "info",
    "inf": "info",
    "log": "info",
    "note": "info",
    "config": "info",
    "informational": "info",
    "system": "info",
    "warn": "warn",
    "warning": "warn",
    "wrn": "warn",
    "error": "error",
    "err": "error",
    "severe": "error",
    "failure": "error",
    "eror": "error",
    "fail": "error",
    "fatal": "fatal",
    "critical": "fatal",
    "crit": "fatal",
    "panic": "fatal",
    "emerg": "fatal",
    "emergency": "fatal",
    "alert": "fatal",
    "dpanic": "fatal",
    "ftl": "fatal",
}
_SYSLOG: tuple[Level, ...] = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")
_GCP: tuple[Level, ...] = ("debug", "debug", "info", "info", "warn", "error", "fatal", "fatal", "fatal")
_LETTERS: dict[str, Level] = {
    "T": "trace",
    "V": "trace",
    "D": "debug",
    "I": "info",
    "N": "info",
    "W": "warn",
    "E": "error",
    "F": "fatal",
    "C": "fatal",
    "P": "fatal",
}

_ANY = "|".join(sorted(NAMES, key=len, reverse=True))
_CAPS = "|".join(sorted((name.upper() for name in NAMES if name not in ("log", "system")), key=len, reverse=True))
# In capitals, a whole word. The pattern begins with a set of letters so that the search skips at full speed;
# the character before is looked at afterwards.
_CAPITALS = re.compile(
    r"(?:ERROR|ERR|EMERG|WARN(?:ING)?|INFO|NOTICE|DEBUG|TRACE|FATAL|FINEST|FINER|CRIT(?:ICAL)?|SEVERE|PANIC|ALERT"
    r"|VERBOSE|DPANIC)(?!\w)"
)
_LOWER = re.compile(
    r"(?:^|(?<=[\s\[(<|:]))(trace|debug|info|notice|warn(?:ing)?|err(?:or)?|severe|crit(?:ical)?|fatal|panic|alert"
    r"|emerg)(?=[\]):>|]| - )",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"""(?<![\w.])["']?(?:level|lvl|severity|levelname|log\.level|loglevel|severity_text|level_name)["']?\s?[:=]\s?"""
    r"""["']?(?:([A-Za-z]{3,13})|(\d{2})(?!\d))"""
)
# Right after a time: past threads, process numbers and punctuation, the first word that is a level.
_SLOT = re.compile(
    r"(?:[\]),:;|\s-]|\[[^\[\]]{0,80}\]|\([^()]{0,80}\)|\d{1,10}(?![\w.])){0,10}?"
    rf"[\s\]:|]?(?:(?P<caps>{_CAPS})\d?(?![\w=-])"
    rf"|[\[<(|]\s{{0,2}}(?:\w{{1,30}}:)?(?P<boxed>(?i:{_ANY}))\d?\s{{0,5}}[\])>|]"
    rf"|(?P<marked>(?i:{_ANY}))(?:\t|:(?= )|\s{{0,5}}\|)"
    r"|(?P<letter>[DIWEF]) {1,2}(?:[A-Z]{2,12}|-) )"
)
_BAD_ENDS = re.compile(
    r"Traceback \(most recent call last\)|Exception in thread "
    r"|Un(?:handled|caught) (?i:exception)|thread '[^']*' panicked at"
)


def _stated(text: str, at: int = 0) -> Level | None:
    """The level of a text that has no known form: a capital word near its beginning, a field, a marked word."""
    head = text[at : at + _HEAD]
    for match in _CAPITALS.finditer(head):
        start = match.start()
        if start == 0 or not (head[start - 1].isalnum() or head[start - 1] in "_/"):
            return NAMES[match[0].lower()]
    if ("level" in head or "lvl" in head or "severity" in head) and (field := _FIELD.search(head)):
        return NAMES.get(field[1].lower()) if field[1] else _numbered(int(field[2]))
    if (":" in head or "]" in head or " - " in head) and (word := _LOWER.search(head)):
        return NAMES[word[1].lower()]
    return "error" if _BAD_ENDS.match(head) else None


def _of_status(status: int) -> Level | None:
    if not 100 <= status <= 599:
        return None
    return "error" if status >= 500 else "warn" if status >= 400 else "info"


def _numbered(number: float) -> Level | None:
    """bunyan and pino count 10 trace … 60 fatal, GCP in hundreds, GELF as syslog does."""
    if number >= 100:
        return _GCP[min(int(number) // 100, 8)]
    if number >= 10:
        return LEVELS[min(int(number) // 10, 6) - 1]
    return _SYSLOG[int(number)] if 0 <= number < 8 else None


# ---------------------------------------------------------------------------------------------- formats


class ParsedLine(NamedTuple):
    level: Level | None
    stamp: Stamp | None


Format = Callable[[str], "ParsedLine | None"]
NOTHING = ParsedLine(None, None)

# A host or a container writes its name before a time; a sentence that mentions a time is longer.
_BEFORE = re.compile(r"(?:http|https|h2|wss?) $|(?!(?:[a-z]{1,20} ){1,3}$)(?:\S{1,63}\s{1,20}){0,3}\S{0,24}$")
_TAG = re.compile(r"(?:[\w.-](?:[\w.-]|:(?=[\w:])){0,254} )?[\w./@()-]{1,64}(?:\[[\w.-]{1,30}\])?: ")
_CRI = re.compile(r" (?:stdout|stderr) [FP] ")
_PG = re.compile(
    r" (?:\[\d+(?:-\d+)?\][: ])?[^:]{0,120}?"
    r"(?P<level>LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG)\d?:  "
)


def _json(text: str) -> ParsedLine | None:
    """JSON lines, whoever wrote them."""
    if text[:1] != "{" and (text[:1] != " " or text.lstrip(" ")[:1] != "{"):
        return None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):  # cut off, or no JSON at all
        level = _FIELD.search(text, 0, 2000)
        stamp = _JSON_TIME.search(text, 0, 2000)
        number = level and level[2] and _numbered(int(level[2]))
        return ParsedLine(
            number or (NAMES.get(level[1].lower()) if level and level[1] else None),
            value_stamp(stamp[1]) if stamp else None,
        )
    if not isinstance(fields, dict):
        return None
    stamp_ = _first(_json_stamp(key, fields) for key in _TIME_KEYS if key in fields)
    level_ = _first(_json_level(key, fields[key]) for key in _LEVEL_KEYS if key in fields)
    if level_ is None:
        level_ = _inner_level(fields)
    return ParsedLine(level_, stamp_)


_JSON_TIME = re.compile(r'"(?:@?timestamp|time|ts|t|@t|date)"\s?:\s?"?([^",}]{8,40})')
_TIME_KEYS = (
    "time",
    "@timestamp",
    "timestamp",
    "ts",
    "t",
    "@t",
    "_SOURCE_REALTIME_TIMESTAMP",
    "__REALTIME_TIMESTAMP",
    "date",
    "datetime",
    "asctime",
    "timeMillis",
    "instant",
    "eventTime",
    "event_time",
    "timestampSeconds",
    "time_iso8601",
    "time_local",
    "start_time",
    "msec",
    "receiveTimestamp",
    "created",
)
_LEVEL_KEYS = (
    "level",
    "severity",
    "lvl",
    "log.level",
    "levelname",
    "loglevel",
    "log_level",
    "level_name",
    "@l",
    "severity_text",
    "severityText",
    "severityNumber",
    "severity_number",
    "PRIORITY",
    "priority",
    "s",
    "l",
)


def _first(found: Iterator[Any]) -> Any:
    return next((one for one in found if one is not None), None)


def _json_level(key: str, value: object) -> Level | None:
    if isinstance(value, str):
        if key in ("PRIORITY", "priority") and value.isdecimal() and len(value) == 1:
            return _SYSLOG[int(value) & 7]
        if key in ("s", "l"):  # MongoDB writes I, W, E, F, D1 … D5
            return _LETTERS.get(value[:1]) if len(value) <= 2 else NAMES.get(value.lower())
        if known := NAMES.get(value.lower()):
            return known
        return _numbered(float(value)) if value.isdecimal() and len(value) < 4 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1000:
        return None
    if key in ("severityNumber", "severity_number"):  # OpenTelemetry: four numbers a level
        return LEVELS[min((int(value) - 1) // 4, 5)] if value >= 1 else None
    return _numbered(value)


def _inner_level(fields: Mapping[str, Any]) -> Level | None:
    """The level of JSON that has none at its top: nested, an HTTP status, or of the text that was wrapped."""
    log = fields.get("log")
    if isinstance(log, dict) and isinstance(log.get("level"), str):  # ECS, nested
        return NAMES.get(log["level"].lower())
    for key in ("status", "response_code", "statusCode", "status_code"):
        status = fields.get(key)
        if isinstance(status, str) and status.lower() in NAMES:  # Datadog
            return NAMES[status.lower()]
        if isinstance(status, str) and status.isdecimal() and len(status) == 3:
            status = int(status)
        if isinstance(status, int) and not isinstance(status, bool):
            return _of_status(status)
    if "@t" in fields and ("@mt" in fields or "@m" in fields):  # CLEF leaves information out
        return "info"
    for key in ("log", "MESSAGE", "message"):  # what docker or journald wrapped speaks for itself
        inner = fields.get(key)
        if isinstance(inner, str):
            return sniff(inner, depth=1).level
    return None


def _json_stamp(key: str, fields: Mapping[str, Any]) -> Stamp | None:
    value = fields[key]
    if isinstance(value, dict):
        if "$date" in value:  # MongoDB
            value = value["$date"]
        else:  # log4j2 and GCP
            seconds = value.get("epochSecond", value.get("seconds"))
            nanos = value.get("nanoOfSecond", value.get("nanos", 0))
            if not isinstance(seconds, int) or not isinstance(nanos, int) or not 0 <= nanos < 10**9:
                return None
            return value_stamp(f"{seconds}.{nanos:09}")
    if key == "timestampSeconds" and isinstance(nanos := fields.get("timestampNanos"), int):
        return value_stamp(f"{value}.{abs(nanos):09}")
    if isinstance(value, float):
        return value_stamp(f"{value:.6f}")
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value_stamp(str(value) if isinstance(value, str) or abs(value) < 10**20 else "")
    return None


def _syslog(text: str) -> ParsedLine | None:
    """Syslog with its priority, RFC 3164 and 5424."""
    if text[:1] != "<" or not (pri := _PRI.match(text)):
        return None
    at = pri.end()
    if not (found := stamp_at(text, at)) and text[at : at + 2] != "- ":
        return None
    stamp, at = found or (None, at + 1)
    level = _SYSLOG[int(pri[1]) & 7]
    # Senders without a level use notice or info: then the message decides.
    return ParsedLine((level == "info" and _message_level(text, at)) or level, stamp)


_PRI = re.compile(r"<(\d{1,3})>(?:\d{1,2} (?=\d{4}-|- ))?")
_HEADER = re.compile(r" [^\s:]{1,255} \S{1,255} \S{1,128} \S{1,32} (?:-|\[[^\]]{0,2000}\]) ?\ufeff?")


def _message_level(text: str, at: int) -> Level | None:
    """The level of a message behind syslog's host and program."""
    tag = _HEADER.match(text, at) or _TAG.match(text, at + 1)
    return sniff(text[tag.end() :], depth=1).level if tag else _stated(text, at)


def _access(text: str) -> ParsedLine | None:
    """nginx's and Apache's access logs, combined or common, also behind a virtual host or a logger's name."""
    if '"' not in text[:_HEAD] or not (match := _ACCESS.match(text)):
        return None
    stamp = match["stamp"]
    return ParsedLine(_of_status(int(match["status"])), value_stamp(stamp) if stamp else None)


_ACCESS = re.compile(
    r"(?:[A-Z]{4,8}:(?: {1,6}|\w{1,40}:))?[\w.:,%-]{1,255}(?: [^\s\"\[]{1,128}){1,3}?"
    rf" (?:\[(?P<stamp>\d\d/{MONTH}/\d{{4}}[: ][^\]]{{8,24}})\] (?:[\w.:-]{{1,255}} )?)?"
    r'"[^"\\]*+(?:\\.[^"\\]*+)*+" (?P<status>[1-5]\d\d)(?= (?:\d+|-)|$| [A-Z])'
)


def _klog(text: str) -> ParsedLine | None:
    """glog and klog, and CockroachDB's."""
    if text[:1] not in _KLOG_LETTERS or not (found := stamp_at(text, 0)) or found[0].kind != "klog":
        return None
    return ParsedLine(_LETTERS[text[0]], found[0])


_KLOG_LETTERS = frozenset("IWEFD")


def _stamped(text: str) -> ParsedLine | None:
    """A time first, a level soon after: log4j, logback, Python, nginx and Apache errors, PostgreSQL, syslog."""
    first = text[:1]
    found = stamp_at(text, 1 if first in "[(*" and first else 0)
    return after_stamp(text, *found) if found and found[0].kind != "klog" else None


def after_stamp(text: str, stamp: Stamp, at: int) -> ParsedLine:
    if ":  " in text[at : at + _HEAD] and (pg := _PG.match(text, at, at + _HEAD)):
        return ParsedLine(NAMES[pg["level"].lower()], stamp)
    if PG_PART.match(text, at + 1, at + _HEAD):
        return ParsedLine(None, stamp)
    if slot := _SLOT.match(text, at, at + _HEAD):
        letter = slot["letter"]
        word = slot["caps"] or slot["boxed"] or slot["marked"]
        return ParsedLine(_LETTERS[letter] if letter else NAMES[word.lower()], stamp)
    if cri := _CRI.match(text, at):
        return ParsedLine(sniff(text[cri.end() :], depth=1).level, stamp)
    if stamp.kind == "monthday" and (cat := _LOGCAT.match(text, at)):
        return ParsedLine(_LETTERS[cat[1]], stamp)
    rest = text[at : at + 1]
    if rest == " " and (text[at + 1 : at + 2] == "{" or STAMP.match(text, at + 1, at + 60)):
        return ParsedLine(sniff(text[at + 1 :], depth=1).level, stamp)  # a stamp before a line that has its own
    if rest == " " and stamp.kind in ("ctime", "iso") and (tag := _TAG.match(text, at + 1)):
        return ParsedLine(sniff(text[tag.end() :], depth=1).level or _stated(text, at), stamp)
    return ParsedLine(_stated(text, at), stamp)


_LOGCAT = re.compile(r" {1,2}\d+ {1,3}\d+ ([VDIWEF]) ")


def _levelled(text: str) -> ParsedLine | None:
    """The level first: Python's default, Dropwizard, Ruby's logger, .NET, java.util.logging's second line."""
    match = _FIRST.match(text)
    if match is None:
        return None
    if "HTTP/" in text[:2300] and (request := _access(text)):  # uvicorn, werkzeug
        return request
    letter = match["letter"]
    level = _LETTERS[letter] if letter else NAMES[(match["word"] or match["marked"]).lower()]
    at = match.end()
    while text[at : at + 1] in (" ", "[", "(", "\t", "-", "|") and at < match.end() + 8:
        at += 1
    found = stamp_at(text, at)
    return ParsedLine(level, found[0] if found else None)


_FIRST = re.compile(
    rf"[\[<(]?\s?(?:(?P<word>{_CAPS})\d?[\])>]?(?=[\s:|,\[(-])|(?P<letter>[DIWEF]), (?=\[)"
    rf"|(?P<marked>(?i:{_ANY}))(?:\]|\)|>|:(?!:)))[:|,]?"
)


def _logfmt(text: str) -> ParsedLine | None:
    """key=value pairs: logrus, go-kit, log15, slog, Heroku's router, lograge."""
    if "=" not in text[:60] or not _PAIR_HEAD.match(text):
        return None
    level: Level | None = None
    stamp: Stamp | None = None
    status: Level | None = None
    for pair in PAIR.finditer(text, 0, 2000):
        key = pair["key"]
        if key in _LOGFMT_LEVELS and level is None:
            value = (pair["quoted"] or pair["bare"] or "").lower()
            level = NAMES.get(value) or (_numbered(int(value)) if value.isdecimal() and len(value) < 4 else None)
        elif key in _LOGFMT_TIMES and stamp is None:
            stamp = value_stamp(pair["quoted"] or pair["bare"] or "")
        elif key == "status" and (pair["bare"] or "").isdecimal() and len(pair["bare"]) == 3:
            status = _of_status(int(pair["bare"]))
        elif key == "msg" and (audit := _AUDIT.match(text, pair.start())):
            stamp = Stamp("epoch", audit[1])
    return ParsedLine(level or status, stamp)


_PAIR_HEAD = re.compile(r"[A-Za-z_@][\w.@/-]{0,60}=")
PAIR = re.compile(
    r'(?<![^\s])(?P<key>[A-Za-z_@][\w.@/-]{0,60})=(?:"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*+)"'
    r"|(?P<bare>[^\s\"]*+))"
)
_AUDIT = re.compile(r"msg=audit\((\d{10}\.\d{3})")
_LOGFMT_LEVELS = frozenset(("level", "lvl", "severity", "loglevel", "log.level", "at"))
_LOGFMT_TIMES = frozenset(("time", "ts", "timestamp", "t", "@timestamp", "date", "datetime"))


def _rails(text: str) -> ParsedLine | None:
    """Rails' plain request log."""
    if text[:1] not in ("S", "C", "P") or not (match := _RAILS.match(text)):
        return None
    stamp = match["stamp"]
    return ParsedLine(
        _of_status(int(match["status"])) if match["status"] else "info", value_stamp(stamp) if stamp else None
    )


_RAILS = re.compile(
    r'Started [A-Z]+ "[^"]*" for \S+ at (?P<stamp>\d{4}-[\d :+-]{20,24})'
    r"|Completed (?P<status>\d{3}) [A-Za-z ]+ in \d+|Processing by \S+#\w+ as "
)


def _redis(text: str) -> ParsedLine | None:
    """Redis and Valkey."""
    if not (match := _REDIS.match(text)):
        return None
    return ParsedLine(_REDIS_LEVELS[match["level"]], value_stamp(match["stamp"]))


_REDIS = re.compile(rf"\d{{1,8}}:[MSCX] (?P<stamp>\d\d {MONTH} \d{{4}} [\d:.]{{12}}) (?P<level>[.*#-]) ")
_REDIS_LEVELS: dict[str, Level] = {".": "debug", "-": "trace", "*": "info", "#": "warn"}


def _wrapped(text: str) -> ParsedLine | None:
    """Behind the name of a container: docker compose, kubectl --prefix, stern."""
    match = _PREFIX.match(text)
    if match is None:
        return None
    inner = sniff(text[match.end() :], depth=1)
    return inner if inner != NOTHING else None


_PREFIX = re.compile(r"[\w./-]{1,100} {1,40}\| |\[pod/[\w./-]{1,200}\] ")


def anything(text: str) -> ParsedLine:
    """No known form: a time among the first words, a level wherever it is marked as one."""
    match = STAMP.search(text, 0, 120)
    if (
        match
        and (match.start() == 0 or not text[match.start() - 1].isalnum())
        and (match.lastgroup not in ("epoch", "klog", "clock") and _BEFORE.match(text, 0, match.start()))
    ):
        found = after_stamp(text, found_in(match), match.end())
        return found if found.level else ParsedLine(_stated(text), found.stamp)
    return ParsedLine(_stated(text), None)


FORMATS: tuple[Format, ...] = (
    _json,
    _syslog,
    _access,
    _klog,
    _redis,
    _stamped,
    _levelled,
    _logfmt,
    _rails,
    _wrapped,
)


def sniff(text: str, depth: int = 0) -> ParsedLine:
    """Of all formats the first that fits. What is wrapped three times is not unwrapped any further."""
    if depth and len(text) > 8192:
        text = text[:8192]
    if depth == 1:
        # One level of wrapping is common (journald around JSON); formats that unwrap again would recurse.
        for form in _UNWRAPPED:
            if found := form(text):
                return found
        return ParsedLine(_stated(text), None)
    for form in FORMATS:
        if found := form(text):
            return found
    return anything(text)


def _plainly(text: str) -> ParsedLine | None:
    """As ``_stamped``, without looking into what follows the level's place."""
    found = stamp_at(text, 1 if text[:1] == "[" else 0)
    if found is None or found[0].kind == "klog":
        return None
    stamp, at = found
    slot = _SLOT.match(text, at, at + _HEAD)
    word = slot and (slot["caps"] or slot["boxed"] or slot["marked"])
    return ParsedLine(NAMES[word.lower()] if word else _stated(text, at), stamp)


def _flat_json(text: str) -> ParsedLine | None:
    """As ``_json`` inside something else: its own fields only."""
    if text[:1] != "{":
        return None
    level, stamp = _FIELD.search(text, 0, 2000), _JSON_TIME.search(text, 0, 2000)
    named = NAMES.get(level[1].lower()) if level and level[1] else None
    return ParsedLine(
        named or (_numbered(int(level[2])) if level and level[2] else None),
        value_stamp(stamp[1]) if stamp else None,
    )


_UNWRAPPED: tuple[Format, ...] = (_flat_json, _access, _klog, _redis, _plainly, _levelled, _logfmt, _rails)
