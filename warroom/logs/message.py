"""The message of a log line: what is left once its time, level, thread and logger are shown in columns. Pure.

Text formats lose their prefix. JSON and logfmt show their message first, then the other fields; access logs show
the request first, then the client. A line of unknown form is returned unchanged, and so is one that would be empty.
Nothing is decoded but JSON: safe text stays safe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from warroom.logs.records import PAIR
from warroom.logs.timestamps import stamp_at

MAX_LENGTH = 8_192
"""Longer lines are returned unchanged, in characters: parsing them is not worth a frame."""

MESSAGE_KEYS = ("msg", "message", "@m", "event", "MESSAGE", "textPayload", "log", "error")
"""The fields that hold the message, the likeliest first."""

_TIMES = "time timestamp @timestamp ts t @t date datetime asctime timeMillis instant eventTime"
_LEVELS = (
    "level severity lvl log.level levelname loglevel log_level level_name @l severity_text severityText PRIORITY"
)
_ORIGINS = "logger logger_name name thread thread_name threadName pid hostname host v caller"
_HIDDEN_KEYS = frozenset(f"{_TIMES} {_LEVELS} {_ORIGINS}".split())
"""Fields that are in columns of their own, or the same in every line of a source."""

_LEVEL = (
    r"(?:EMERG(?:ENCY)?|ALERT|CRIT(?:ICAL)?|FATAL|PANIC|SEVERE|ERR(?:OR)?|WARN(?:ING)?|NOTICE|INFO(?:RMATION)?|DEBUG"
    r"|TRACE|FINE(?:R|ST)?|VERBOSE)(?![\w=])"
)
_SEPARATOR = r"(?:[\s|:,;\])>]|--+|-(?=\s))"
_BRACKETS = r"(?:\[[^\[\]]{0,80}\])"
_LOGGER = r"(?:[A-Za-z_$][\w$]*(?:[.$/][\w$-]+)+(?::\d+)?\s*(?:-|:|\|)\s)"
# After the time: thread and process numbers, the level, thread and logger; the level may be missing.
_PREFIX = re.compile(
    rf"{_SEPARATOR}*+(?:(?:(?:\d{{1,8}}|{_BRACKETS}|\w[\w./-]{{0,40}}){_SEPARATOR}++){{0,3}}?[\[<(]?{_LEVEL})?"
    rf"{_SEPARATOR}*+(?:{_BRACKETS}{_SEPARATOR}*+){{0,2}}(?:\d{{1,8}}\s+-{{2,}}\s+{_BRACKETS}?\s*)?{_LOGGER}?{_SEPARATOR}*+"
)
_LEVEL_FIRST = re.compile(rf"[\[<(]?{_LEVEL}{_SEPARATOR}++")
_SYSLOG = re.compile(r" [\w.-]{1,255} (?=[\w./@()-]{1,64}(?:\[[\w.-]{1,30}\])?: )")
_ACCESS = re.compile(
    r'(?P<client>\S{1,255}) \S{1,255} (?P<user>\S{1,255}) \[[^\]]{1,40}\] "(?P<request>[^"]*?)(?: HTTP/[\d.]+)?" '
    r"(?P<status>\d{3}) (?P<size>\d+|-)(?P<rest>.*)",
    re.DOTALL,
)
"""A line of the common or the combined log format, https://httpd.apache.org/docs/2.4/logs.html#accesslog."""
_KLOG = re.compile(r"[IWEF]\d{4} [\d:.]{8,15} +\d+ [\w./-]+:\d+\] ")


def message(text: str) -> str:
    """Return the message of a line, on one line."""
    if not text or len(text) > MAX_LENGTH:
        return text
    if text[0] == "{":
        return _of_json(text) or text
    if access := _ACCESS.fullmatch(text):
        client = access["client"] if access["user"] == "-" else f"{access['client']} {access['user']}"
        return f"{access['request']} {access['status']} {access['size']}  {client}{access['rest']}"
    start = message_start(text)
    if not start and "=" in text[:60] and (found := _of_logfmt(text)):
        return found
    return text[start:] if text[start:].strip() else text


def message_start(text: str) -> int:
    """Return where the message of a line of a text format begins; 0 if the line has no known prefix."""
    if klog := _KLOG.match(text):
        return klog.end()
    at = 0
    if first := _LEVEL_FIRST.match(text):
        at = first.end()
    opened = text[at : at + 1] in ("[", "(")
    found = stamp_at(text, at + opened)
    if found is None:
        return at
    stamp, end = found
    if stamp.kind in ("monthday", "syslog", "ctime") and (host := _SYSLOG.match(text, end)):
        return host.end()
    prefix = _PREFIX.match(text, end)
    return prefix.end() if prefix else end


def _of_json(text: str) -> str:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(fields, dict):
        return ""
    return _joined((str(key), value) for key, value in fields.items())


def _of_logfmt(text: str) -> str:
    pairs = [
        (pair["key"], pair["bare"] if pair["quoted"] is None else pair["quoted"]) for pair in PAIR.finditer(text)
    ]
    return _joined(pairs) if len(pairs) > 1 else ""


def _joined(fields: Iterable[tuple[str, object]]) -> str:
    known = dict(fields)
    key = next((key for key in MESSAGE_KEYS if isinstance(known.get(key), str) and known[key]), None)
    first = [str(known[key])] if key else []
    others = [
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in known.items()
        if name != key and name not in _HIDDEN_KEYS and value not in (None, "")
    ]
    return "  ".join([*first, *others]) if first or others else ""
