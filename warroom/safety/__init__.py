"""Make text from outside safe to show, keep and send: sanitized, and without secrets. Reads and stores nothing.

Three promises hold for everything that leaves this package. Nothing in it can drive a terminal (no C0, C1, escape,
bidi control). A recognised secret is replaced by a label which names the rule and whose length says nothing
about the secret: ``‹redacted:slack-token›``. Doing it twice changes nothing. The work is linear in the length of
the text, whatever the text.

    sanitize.py   control characters and invisible ones
    vendors.py    token formats, a line each, with the source of the format
    forms.py      how commands, databases and markup write a password, a line each
    named.py      values by their names, flags, headers, addresses
    keys.py       private key blocks
    personal.py   cards, e-mail addresses, phone and IP numbers
    rules.py      the rules' names, those of a team, the labels
    clues.py      the short piece of a pattern that every match must have
    engine.py     one pass of an RE2 set over the text finds which of all these can match; only they are tried

To add a token format, add a line to ``vendors.py``. A team adds its own in the settings.
"""

from __future__ import annotations

from warroom.safety.redaction import Redacted, Redactor, redact, redact_stream, use
from warroom.safety.rules import RULES, BadRule, Rules, check_name, check_pattern
from warroom.safety.sanitize import sanitize, strip_ansi

__all__ = [
    "RULES",
    "BadRule",
    "Redacted",
    "Redactor",
    "Rules",
    "check_name",
    "check_pattern",
    "redact",
    "redact_stream",
    "sanitize",
    "strip_ansi",
    "use",
]
