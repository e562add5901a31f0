"""Makes text from outside safe to show, keep and send: inert, and without secrets; never reads or stores any.

Three promises hold for everything that leaves this file. Nothing in it can drive a terminal (no C0, C1, escape,
bidi control). A recognised secret is replaced by a label which names the rule and whose length says nothing
about the secret: ``‹redacted:slack-token›``. Doing it twice changes nothing. The work is linear in the length of
the text, whatever the text: every pattern starts at a boundary of its own alphabet, is bounded or possessive,
and long text is taken in pieces. Token shapes come from the vendors' documents and the gitleaks rule set. A team
adds its own rules, checked for that same promise, and switches off what masks too much (``Rules``).
"""

from __future__ import annotations

import base64
import binascii
import codecs
import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from warroom.patterns import BadPattern, Pattern

__all__ = [
    "RULES",
    "BadRule",
    "Redacted",
    "Redactor",
    "Rules",
    "inert",
    "redact",
    "redact_stream",
    "uncoloured",
    "use",
]

# ---------------------------------------------------------------------------------------------- inert

_TABLE: dict[int, str | None] = {
    **{c: chr(0x2400 + c) for c in range(0x20) if c not in (0x09, 0x0A)},  # control pictures: ␀ … ␛ … ␟
    0x7F: "␡",
    **dict.fromkeys(range(0x80, 0xA0), "�"),  # C1: an 8-bit terminal obeys them
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�"),  # bidi overrides: fake the order
    **dict.fromkeys((0x2028, 0x2029), "␤"),
    **dict.fromkeys(range(0xFFF9, 0xFFFC), "�"),
    # Invisible characters are dropped rather than shown, so that they cannot split a token either.
    **dict.fromkeys((0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF, 0xFE0E, 0xFE0F)),
    **dict.fromkeys((*range(0x2060, 0x2066), *range(0x206A, 0x2070))),
    **dict.fromkeys(range(0x1F3FB, 0x1F400)),  # skin tones: terminals disagree about their width
    **dict.fromkeys(range(0xE0000, 0xE0080)),  # tags: a whole invisible alphabet
    **dict.fromkeys(range(0xD800, 0xE000), "�"),
}
_ONE_LINE: dict[int, str | None] = {**_TABLE, 0x09: " ", 0x0A: " "}
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufe0e\ufe0f\ufeff\ufff9-\ufffb\ud800-\udfff\U0001f3fb-\U0001f3ff\U000e0000-\U000e007f]"
)
_COLOUR = re.compile(r"(?:\x1b\[|\x9b|␛\[)[0-9;:]{0,40}+m")


def inert(text: str, *, newlines: bool = True) -> str:
    """The text with nothing in it that a terminal would obey: what was hidden is shown (``␛``, ``�``) or dropped.

    Newline and tab stay, unless ``newlines`` is false: then each becomes a space and the result is one line.
    Never raises, whatever the text; ``inert(inert(x)) == inert(x)``.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if not newlines:
        return text.translate(_ONE_LINE)
    return text.translate(_TABLE) if _UNSAFE.search(text) else text


def uncoloured(text: str) -> str:
    """The text without SGR sequences, which only colour it (even ones ``inert`` has made visible already)."""
    return _COLOUR.sub("", text) if "\x1b" in text or "␛" in text or "\x9b" in text else text


# ---------------------------------------------------------------------------------------------- rules


class BadRule(ValueError):
    """A team's rule cannot be used. ``str()`` says why, as what stands after the pattern's name."""


_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+){0,9}")
_OWN_PIECE = 2048  # characters a team's pattern sees at once: finding all matches may take the square of these
_OWN_MOST = 100  # rules of a team's own


@dataclass(frozen=True, slots=True)
class Rules:
    """What is masked besides, and what is not: rules of the team's own, rules switched off, IP addresses."""

    own: tuple[tuple[str, Pattern], ...] = ()
    off: frozenset[str] = frozenset()
    ips: bool = False

    @classmethod
    def of(cls, own: Iterable[tuple[str, str]] = (), off: Iterable[str] = (), *, ips: bool = False) -> Rules:
        """From names and patterns. Raises ``BadRule``."""
        rules = []
        for name, pattern in own:
            check_name(name)
            rules.append((name, check_pattern(pattern)))
        unknown = [name for name in off if name not in RULES]
        if unknown:
            raise BadRule(f"there is no rule {unknown[0]!a}")
        if len(rules) > _OWN_MOST:
            raise BadRule(f"at most {_OWN_MOST} rules")
        return cls(tuple(rules), frozenset(off), ips)


_used = Rules()


def use(rules: Rules) -> None:
    """From now on ``redact`` goes by these rules where it is given no others. Called once, at the start."""
    global _used
    _used = rules


def check_name(name: str) -> str:
    """The name of a rule of one's own, as it stands in the label. Raises ``BadRule``."""
    if len(name) > 40 or not _NAME.fullmatch(name):
        raise BadRule("must be small letters a to z, digits and single hyphens, at most 40")
    if name in RULES:
        raise BadRule("is the name of a rule warroom has; give yours another")
    return name


def check_pattern(pattern: str) -> Pattern:
    """The pattern compiled, as RE2 does it: in time linear in the text. Raises ``BadRule`` saying what is wrong."""
    if len(pattern) > 1000:
        raise BadRule("must be at most 1,000 characters")
    try:
        compiled = Pattern(pattern)
    except BadPattern as error:
        raise BadRule(str(error)) from None
    if compiled.found(""):
        raise BadRule("matches nothing at all, so it would match everywhere")
    return compiled


# ---------------------------------------------------------------------------------------------- secrets


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


@dataclass(frozen=True, slots=True)
class Redacted:
    """Safe text, how many secrets were masked in it, and by which rules (in the order found)."""

    text: str
    count: int = 0
    hits: tuple[str, ...] = ()


_LONGEST = 1024 * 1024  # characters of one line that are held until its end comes
_PIECE = 256 * 1024  # characters a pattern sees at once: no single call holds the interpreter for long
_PASSES = 8  # a mask may lay bare a boundary; ordinary text needs one pass, masked text two
_LABELS = re.compile(r"(?:‹redacted:[a-z0-9-]{1,40}›)+")

# A token starts where its own alphabet does not run on, or right after an escape as in "\nxoxb-…" or "%20ghp_…".
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_END = r"(?![A-Za-z0-9])"

# rule → pattern. A group `keep` is left in the text: the address of a webhook is useful, its secret path is not.
_VENDORS: dict[str, str] = {
    "slack-token": r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}+|xapp-\d-[A-Za-z0-9-]{10,}+",
    "slack-webhook": r"(?P<keep0>hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/)[\w+/=-]{8,}+",
    "teams-webhook": r"(?P<keep1>webhook\.office\.com/)[^\s\"'<>‹›\\]{8,}+",
    "discord-webhook": r"(?P<keep2>discord(?:app)?\.com/api(?:/v\d{1,3})?/webhooks/\d{5,25}/)[\w-]{20,}+",
    "telegram-token": r"(?:bot)?\d{5,16}:A[\w-]{34}(?![\w-])",
    "github-token": r"gh[pousr]_[A-Za-z0-9]{36,}+|github_pat_\w{22,}+",
    "gitlab-token": r"gl(?:pat|ptt|dt|rt|cbt|soat|ft|imt|agent|oas|ffct)-[\w.=-]{20,}+",
    "aws-access-key": r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}" + _END,
    "google-key": r"AIza[\w-]{35,}+|GOCSPX-[\w-]{20,}+|ya29\.[\w-]{20,}+",
    "grafana-token": r"glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}" + _END + r"|glc_[A-Za-z0-9+/]{32,}+={0,3}",
    "sentry-token": r"sntry[sua]_[\w+/=-]{20,}+",
    "newrelic-key": r"NR(?:AK|IQ|AA|II|BR|RA|JS)-[A-Za-z0-9]{15,}+",
    "notion-token": r"ntn_[A-Za-z0-9]{40,}+",
    "stripe-key": r"[sr]k_(?:test|live|prod)_[A-Za-z0-9]{10,}+|whsec_[A-Za-z0-9+/]{20,}+={0,2}",
    "openai-key": r"sk-(?=[A-Za-z_-]{0,80}+\d)(?!ant-)[\w-]{20,}+",
    "anthropic-key": r"sk-ant-[\w-]{16,}+",
    "sendgrid-key": r"SG\.[\w-]{16,}+\.[\w-]{16,}+",
    "npm-token": r"npm_[A-Za-z0-9]{36,}+",
    "pypi-token": r"pypi-AgEI[\w-]{16,}+",
    "vault-token": r"hv[sbr]\.[\w-]{20,}+",
    "digitalocean-token": r"do[opr]_v1_[0-9a-f]{64}" + _END,
    "azure-secret": r"[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w~])",
    "matrix-token": r"sy[tr]_[A-Za-z0-9+/=]{1,255}+_[A-Za-z0-9]{20}_[A-Za-z0-9]{6}" + _END,
    "huggingface-token": r"hf_[A-Za-z0-9]{30,}+",
    "shopify-token": r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}" + _END,
    "atlassian-token": r"ATATT3[\w=-]{50,}+",
    "jwt": r"eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?+",
}
_VENDOR = re.compile(
    _START
    + "(?:"
    + "|".join(f"(?P<{rule.replace('-', '_')}>{pattern})" for rule, pattern in _VENDORS.items())
    + ")"
)
# Is there any at all? Each clue hangs on one character, found at memchr's speed, and looks back from there:
# an ordinary line is cleared in about two microseconds, where trying the token patterns would take forty.
_VENDOR_CLUES = tuple(
    re.compile(clue)
    for clue in (
        r"_(?:(?<=gh[pousr]_)|(?<=github_)pat_|(?<=glsa_)|(?<=glc_)|(?<=sntry._)|(?<=ntn_)|(?<=[sr]k_)|(?<=whsec_)"
        r"|(?<=npm_)|(?<=do._)v1_|(?<=sy[tr]_)|(?<=hf_)|(?<=shp.._))",
        r"-(?:(?<=xox.-)|(?<=xapp-)|(?<=sk-)|(?<=pypi-)AgEI|(?<=GOCSPX-)|(?<=NR[A-Z]{2}-)|(?<=gl..-)|(?<=gl...-)"
        r"|(?<=gl....-)|(?<=gl.....-))",
        r"\.(?:(?<=SG\.)|(?<=hv[sbr]\.)|(?<=ya29\.)|(?<=hooks\.)slack|(?<=xox.\.)xox|(?<=webhook\.)office)",
        r"A(?:[KSB]IA|CCA|3T|Iza|TATT3|(?<=:A))",
    )
)
_VENDOR_WORDS = ("eyJ", "Q~", "/webhooks/")

# name = value, name: value, "name": "value", ?name=value, name => value, also inside JSON inside JSON (\"name\").
_PAIR = re.compile(
    r"(?<![\w.])(?P<name>[A-Za-z_][\w.-]{1,79}+)(?P<sep>\\{0,4}[\"'`]?\]?[ \t]{0,4}(?:=>|:=|={1,2}|:)[ \t]{0,4})"
)
_FLAG = re.compile(r"(?<!\S)--(?P<name>[A-Za-z][\w-]{1,60}+)(?P<sep>[ \t]{1,4})(?=[^\s-])")
_CURL = re.compile(r"(?<!\S)(?:-u|--user)[ \t=]{0,3}[\"']?[^\s:\"']{1,128}:(?P<value>[^\s\"']{1,256})")
# The end of a secret's name and what follows it, in lower case: most lines with pairs have none of these.
_NAME_CLUE = re.compile(
    r"(?:pass(?:word|wd|wort|phrase|code)?|pwd|secrets?|tokens?|keys?|auth(?:orization)?|cred(?:ential)?s?|cookies?"
    r"|bearer|sig(?:nature)?|code|session|sid|sess(?:ion)?id|pin|t?otp|cv[vc]|ssn|phone|mobile|msisdn|tel|cell"
    r"|number)\d{0,2}(?:[_-]?(?:hash|confirmation|value|header))?[\\\"'`\] \t]{0,6}[=:]"
)
_NAME_WORDS = (
    "pass",
    "token",
    "key",
    "secret",
    "auth",
    "pwd",
    "cred",
    "cookie",
    "sess",
    "bearer",
    "sig",
    "code",
    "sid",
    "pin",
    "otp",
    "cvv",
    "cvc",
    "ssn",
    "phone",
    "mobile",
    "msisdn",
    "tel",
    "cell",
)
_OPEN = re.compile(r"[\[({ ]{0,3}[bru]{0,2}(?P<quote>\\{0,4}[\"'`])")
_TO_QUOTE = {q: re.compile(rf"[^{q}\\\n]*+(?:\\.[^{q}\\\n]*+)*+") for q in "\"'`"}
# A comma or semicolon ends a bare value only where another pair or a blank follows: passwords have commas in them.
_BARE = re.compile(r"[^\s,;&\"'`<>|]++(?:[,;](?![\s\"'{\[]|[\w.-]{1,64}+[\"']?[=:])[^\s,;&\"'`<>|]++){0,16}+")
_QUERY = re.compile(r"[^\s&#\"'`<>]++")
_LINE = re.compile(r"[^\n]*+")
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][\w-]{1,30}+)[ \t]{1,4}")
_ONE_TOKEN = re.compile(r"[^\s\"'`<>]++")
_COOKIES = re.compile(r"[^\s=;,\"']{1,256}+=[^\s;\"']*+(?:;[ \t]*+[^\s=;\"']++(?:=[^\s;\"']*+)?+)*+")
_BEARER = re.compile(
    r"(?i)(?<![A-Za-z])(?:bearer[ \t]{1,4}(?P<bearer>[\w.~+/-]{8,}+=*+)"
    r"|basic[ \t]{1,4}(?P<basic>[A-Za-z0-9+/]{6,}+={0,2}))"
)
_USERINFO = re.compile(r"://(?P<user>[^\s/?#@:\"'<>]{0,256}):(?P<value>[^\s/?#\"'<>]{1,512})@(?=[\w\[%.-])")

_KEY_BEGIN = re.compile(r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# The inside of a key: base64, armour headers, blank lines; \n and \r may be written out, lines may be indented.
_KEY_BODY = re.compile(
    r"(?:[A-Za-z0-9+/=]{16,}+|(?:Proc-Type|DEK-Info|Version|Comment):[^\n]*+"
    r"|[A-Za-z0-9+/]{0,15}+={1,2}|\\[nr]|[ \t>|\"',+]|\r?\n)*+"
)
_KEY_LINE = re.compile(r"[ \t>|]*+(?:[A-Za-z0-9+/=]{1,}+|(?:Proc-Type|DEK-Info|Version|Comment):.*)?[ \t]*+\r?")
_KEY_RUN = re.compile(r"(?<![A-Za-z0-9+/=])(?![0-9a-fA-F]+(?![A-Za-z0-9+/=]))[A-Za-z0-9+/]{40,}+={0,2}")
_KEY_LINES = 200  # a 16,384-bit RSA key takes 190 lines; after that the END line is not coming

_CARD_CLUE = re.compile(r"[2-6](?<![0-9A-Za-z_.+-].)\d{3}(?:[ -]?\d{4}[ -]?\d{4}|[ -]\d{6}[ -]\d)")
_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{13,16}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -])\d{6}\2\d{5})"
    r"(?![\w-])(?!\.\d)"
)
_IIN = re.compile(
    r"4(?:\d{12}|\d{15})$|5[1-5]\d{14}$|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}$"
    r"|3[47]\d{13}$|3(?:0[0-5]|[68]\d)\d{11}$|35\d{14}$|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12}$"
)
# An id may look like a card, one in forty does: its name tells.
_ID_NAME = re.compile(
    r"(?i)(?<![\w-])(?:order|trace|span|parent|request|req|correlation|seq|sequence|offset|lsn|xid|tx|txn"
    r"|transaction|job|build|event|msg|message|user|shard|batch|row|ts|time|timestamp|id)"
    r"(?:[_-]?(?:id|no|nr|number|ns|us|ms))?[\"']?[ \t]{0,2}[=:#]?[ \t]{0,2}[\"'#]?$"
)
_EMAIL = re.compile(
    r"(?<![\w.+/-])(?P<user>[\w.+-]{1,64}+)@(?:[\w-]{1,63}+\.){1,5}(?P<top>[A-Za-z]{2,24})(?![\w-])"
)
_NOT_MAIL = _words(
    "service socket timer mount slice scope target device path swap automount internal local lan"
    " localdomain svc cluster"
)
_PHONES_ABROAD = re.compile(r"\+(?<![\w+./:-]\+)\d(?:[ .()-]{0,2}\d){7,14}(?!\w)")
_PHONE_CLUE = re.compile(r"-(?<=[2-9]\d\d-)(?:[2-9]\d\d-)?\d{4}(?!\w)")
_PHONE = re.compile(r"(?<![\w+./:-])(?:\([2-9]\d\d\) ?|[2-9]\d\d-)[2-9]\d\d-\d{4}(?![\w-])")

_IP = re.compile(
    r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\w)"
    r"|(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,39}+(?:\.\d{1,3}){0,3}(?![\w.:]*\w))"
)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PASSWORDS = _words("password passwd passwort pwd pass passphrase passcode userpass dbpass keypass")
_GLUED = (
    ("password", "password"),
    ("passwd", "password"),
    ("passphrase", "password"),
    ("secret", "secret"),
    ("apikey", "api-key"),
    ("secretkey", "api-key"),
    ("privatekey", "api-key"),
    ("accesskey", "api-key"),
    ("authtoken", "token"),
    ("accesstoken", "token"),
    ("refreshtoken", "token"),
    ("sessiontoken", "token"),
    ("sessid", "session"),
    ("jsessionid", "session"),
)
_SECRET_KEYS = _words(
    "api access private secret client service signing encryption decryption master auth shared account ssh"
    " subscription webhook integration routing genie app application admin storage hmac aes rsa deploy"
)
_HARMLESS_TOKENS = _words(
    "next page continuation cancellation cancel stop eos bos pad unk mask prompt completion"
    " sync fencing max min per unexpected resume"
)
_QUERY_NAMES = _words("key sig signature code auth session sid credential")
_PHONES = _words("phone mobile msisdn telephone tel cell phonenumber")
_BENIGN = _words(
    "true false null none nil undefined yes no ok on off required missing invalid expired empty unset set present"
    " absent redacted masked hidden filtered n/a changed failed success valid denied rejected accepted incorrect"
    " wrong string unknown default enabled disabled not too must is was for"
)
_PLACEHOLDER = re.compile(r"[*xX•.·#-]+|\$\{?[A-Z_][A-Z0-9_]*\}?|\$\{\{.*|%\(?\w*\)?s?|\{\w*\}|<[^>]*>?")
_RANDOM = re.compile(r"(?=[^0-9]*+[0-9])(?=[^A-Za-z]*+[A-Za-z]).{8,}|\S{24,}", re.DOTALL)
_WHOLE_HEADER = _words("digest hmac signature oauth aws4-hmac-sha256 aws")
_SINGLE_TOKEN = _words("basic bearer token bot negotiate ntlm apikey api-key geniekey splunk key")


RULES = frozenset(
    (
        *_VENDORS,
        "private-key",
        "password",
        "secret",
        "token",
        "api-key",
        "credential",
        "authorization",
        "cookie",
        "pin",
        "session",
        "query-secret",
        "url-password",
        "card",
        "email",
        "phone",
        "ip",
    )
)
"""The names of the rules warroom has; each can be switched off."""


class _Hits(list[str]):
    """The rules that found something, in order; knows by which rules to go."""

    __slots__ = ("rules",)

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules


def redact(text: str, *, personal: bool = True, rules: Rules | None = None) -> Redacted:
    """``inert(text)`` with every recognised secret masked; ``personal`` adds e-mail addresses and phone numbers.

    ``rules`` are the team's; left out, those given to ``use``. A private key block is masked as a whole, also over
    several lines. Never raises; ``redact(redact(x).text)`` finds nothing more. Linear time; text of more than
    256 Ki characters is taken in pieces cut between words.
    """
    text = inert(text)
    rules = _used if rules is None else rules
    if len(text) <= _PIECE:
        return _mask(text, personal, rules)
    hits = _Hits(rules)
    # The one rule that spans lines must see the whole.
    if "PRIVATE KEY" in text and "private-key" not in rules.off:
        text = _mask_keys(text, hits)
    parts: list[str] = []
    start = 0
    while start < len(text):
        end = _cut(text, start)
        piece = _mask(text[start:end], personal, rules)
        parts.append(piece.text)
        hits.extend(piece.hits)
        start = end
    return Redacted("".join(parts), len(hits), tuple(hits))


class Redactor:
    """Redacts a stream line by line and remembers whether it is inside a private key block.

    One for each stream, used by one thread. ``inside`` may be given as true when the first line is known to be
    the middle of a key.
    """

    def __init__(self, *, personal: bool = True, inside: bool = False, rules: Rules | None = None) -> None:
        self._personal = personal
        self._rules = rules
        self._left = _KEY_LINES if inside else 0

    @property
    def inside(self) -> bool:
        """Whether the next line is still expected to belong to a private key."""
        return self._left > 0

    def line(self, text: str) -> Redacted:
        """The line, safe. Each line within a key becomes a label; the key is counted once, where it begins."""
        rules = _used if self._rules is None else self._rules
        if not self._left:
            begin = _last(_KEY_BEGIN, text) if "PRIVATE KEY" in text and "private-key" not in rules.off else -1
            if begin >= 0 and not _KEY_END.search(text, begin):
                self._left = _KEY_LINES
            return redact(text, personal=self._personal, rules=rules)
        self._left -= 1
        if end := _KEY_END.search(text):
            self._left = 0
            rest = redact(text[end.end() :], personal=self._personal, rules=rules)
            return Redacted(_label("private-key") + rest.text, rest.count, rest.hits)
        if _KEY_LINE.fullmatch(text):
            return Redacted(_label("private-key"))
        # Another writer's line in between, or the key's line behind a log prefix.
        return redact(_KEY_RUN.sub(_label("private-key"), text), personal=self._personal, rules=rules)


def redact_stream(pieces: Iterable[bytes], *, personal: bool = True, rules: Rules | None = None) -> Iterator[str]:
    """Bytes as safe text, as they come; line ends stay, also a last line's missing one. Memory is bounded.

    A line of more than a megabyte is taken in parts cut between words.
    """
    redactor = Redactor(personal=personal, rules=rules)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    held: list[str] = []  # of the line without an end, so that a long one is not copied again and again
    size = 0
    for data in chain(pieces, [b""]):
        text = decoder.decode(data, final=not data)
        cut = text.rfind("\n")
        if cut >= 0:
            lines = "".join([*held, text[:cut]]).split("\n")
            yield "\n".join(redactor.line(line.removesuffix("\r")).text for line in lines) + "\n"
            held, size, text = [], 0, text[cut + 1 :]
        held.append(text)
        size += len(text)
        if size > _LONGEST:
            text = "".join(held)
            seam = max(text.rfind(" ", -_PIECE), text.rfind(",", -_PIECE)) + 1 or len(text)
            yield redactor.line(text[:seam]).text
            held, size = [text[seam:]], len(text) - seam
    if size:
        yield redactor.line("".join(held)).text


def _label(rule: str) -> str:
    return f"‹redacted:{rule}›"


def _last(pattern: re.Pattern[str], text: str) -> int:
    at = -1
    for match in pattern.finditer(text):
        at = match.start()
    return at


_SEAM = re.compile(r"(?<![:=,\s])[\s,;&]")


def _cut(text: str, start: int) -> int:
    """Where the piece that begins at ``start`` ends: after a line, else between two words, else anywhere."""
    limit = start + _PIECE
    if limit >= len(text):
        return len(text)
    line = text.rfind("\n", start, limit)
    if line > start:
        return line + 1
    at = -1
    for match in _SEAM.finditer(text, limit - 4096, limit):
        at = match.start()
    return at if at > start else limit


def _mask(text: str, personal: bool, rules: Rules) -> Redacted:
    if "␛" not in text:
        return _settle(text, personal, rules)
    hits: list[str] = []
    for _ in range(_PASSES):  # colour codes may run through a token: look without them first
        bare = uncoloured(text)
        found = _settle(bare, personal, rules)
        if not found.count and bare != text:
            found = _settle(text, personal, rules)
        if not found.count:
            break
        text = found.text
        hits.extend(found.hits)
    return Redacted(text, len(hits), tuple(hits))


def _settle(text: str, personal: bool, rules: Rules) -> Redacted:
    hits = _Hits(rules)
    for _ in range(_PASSES):
        before = len(hits)
        text = _pass(text, personal, hits)
        if len(hits) == before:
            break
    return Redacted(text, len(hits), tuple(hits))


def _pass(text: str, personal: bool, hits: _Hits) -> str:
    if "PRIVATE KEY" in text and "private-key" not in hits.rules.off:
        text = _mask_keys(text, hits)
    if hits.rules.own:
        text = _mask_own(text, hits)
    if _may_hold_token(text):
        text = _VENDOR.sub(lambda m: _vendor(m, hits), text)
    lower = text.lower()
    if _holds_any(_NAME_WORDS, lower) and _NAME_CLUE.search(lower):
        text = _mask_values(text, _PAIR, personal, hits)
    if "--" in text:
        text = _mask_values(text, _FLAG, personal, hits)
    if "curl" in lower:
        text = _CURL.sub(lambda m: _group(m, "value", "password", hits), text)
    if "bearer" in lower or "basic" in lower:
        text = _BEARER.sub(lambda m: _bearer(m, hits), text)
    at = "@" in text
    if at and "://" in text:
        text = _USERINFO.sub(lambda m: _group(m, "value", "url-password", hits), text)
    if _CARD_CLUE.search(text):
        text = _CARD.sub(lambda m: _card(m, hits), text)
    if personal:
        if at:
            text = _EMAIL.sub(lambda m: _email(m, hits), text)
        if "+" in text:
            text = _PHONES_ABROAD.sub(lambda m: _phone(m, hits), text)
        if _PHONE_CLUE.search(text):
            text = _PHONE.sub(lambda m: _phone(m, hits), text)
    if hits.rules.ips:
        text = _IP.sub(lambda m: _ip(m, hits), text)
    return text


def _mask_own(text: str, hits: _Hits) -> str:
    """The team's rules, on what is not a label, in pieces of bounded length cut between words."""
    parts: list[str] = []
    for piece in _LABEL_OR_NOT.split(text):
        if piece.startswith("‹redacted:"):
            parts.append(piece)
            continue
        start = 0
        while start < len(piece):
            end = _own_end(piece, start)
            part = piece[start:end]
            for rule, pattern in hits.rules.own:
                part = _sub_between_labels(rule, pattern, part, hits)
            parts.append(part)
            start = end
    return "".join(parts)


def _sub_between_labels(rule: str, pattern: Pattern, text: str, hits: _Hits) -> str:
    if not pattern.found(text):
        return text
    parts: list[str] = []
    for piece in _LABEL_OR_NOT.split(text):
        done = 0
        if not piece.startswith("‹redacted:"):
            for start, end in pattern.spans(piece):
                parts += [piece[done:start], _label(rule)]
                hits.append(rule)
                done = end
        parts.append(piece[done:])
    return "".join(parts)


_LABEL_OR_NOT = re.compile(r"(‹redacted:[a-z0-9-]{1,40}›)")


def _own_end(text: str, start: int) -> int:
    limit = start + _OWN_PIECE
    if limit >= len(text):
        return len(text)
    at = max(text.rfind("\n", start, limit), text.rfind(" ", start, limit))
    return at + 1 if at > start else limit


def _may_hold_token(text: str) -> bool:
    if _holds_any(_VENDOR_WORDS, text):
        return True
    for clue in _VENDOR_CLUES:  # noqa: SIM110
        if clue.search(text):
            return True
    return False


def _holds_any(words: tuple[str, ...], text: str) -> bool:
    for word in words:  # noqa: SIM110 - a generator would cost more than the searches it wraps
        if word in text:
            return True
    return False


def _mask_keys(text: str, hits: _Hits) -> str:
    parts: list[str] = []
    at = 0
    ends = _KEY_END.finditer(text)
    end = next(ends, None)
    while begin := _KEY_BEGIN.search(text, at):
        parts += [text[at : begin.start()], _label("private-key")]
        hits.append("private-key")
        while end is not None and end.start() < begin.end():
            end = next(ends, None)
        if end is not None and end.end() - begin.end() <= _PIECE:
            at = end.end()
        else:  # cut off: mask what still looks like the inside of a key
            body = _KEY_BODY.match(text, begin.end())
            at = body.end() if body else begin.end()
            if text[at - 1 : at] == "\n":
                at -= 1
    parts.append(text[at:])
    return "".join(parts)


def _vendor(match: re.Match[str], hits: _Hits) -> str:
    groups = match.groupdict()
    keep = groups.get("keep0") or groups.get("keep1") or groups.get("keep2") or ""
    rule = next(name for name in _VENDORS if groups[name.replace("-", "_")] is not None)
    if rule in hits.rules.off:
        return match[0]
    hits.append(rule)
    return keep + _label(rule)


def _group(match: re.Match[str], group: str, rule: str, hits: _Hits) -> str:
    value = match[group]
    if rule in hits.rules.off or _LABELS.fullmatch(value):
        return match[0]
    hits.append(rule)
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    return match[0][:start] + _label(rule) + match[0][end:]


def _card(match: re.Match[str], hits: _Hits) -> str:
    if "card" in hits.rules.off:
        return match[0]
    digits = match[0].replace(" ", "").replace("-", "")
    before = match.string[max(0, match.start() - 40) : match.start()]
    if not _IIN.match(digits) or not _luhn(digits) or (digits == match[0] and _ID_NAME.search(before)):
        return match[0]
    hits.append("card")
    return _label("card")


def _luhn(digits: str) -> bool:
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (odd + even) % 10 == 0


def _email(match: re.Match[str], hits: _Hits) -> str:
    if "email" in hits.rules.off or match["user"] == "git" or match["top"].lower() in _NOT_MAIL:
        return match[0]
    hits.append("email")
    return _label("email")


def _ip(match: re.Match[str], hits: _Hits) -> str:
    found = match[0]
    try:
        address = ipaddress.ip_address(found)
    except ValueError:  # 999.1.1.1, 14:02:11, a MAC address
        return found
    if "ip" in hits.rules.off or address.is_loopback or address.is_unspecified:
        return found
    hits.append("ip")
    return _label("ip")


def _phone(match: re.Match[str], hits: _Hits) -> str:
    number = match[0]
    if "phone" in hits.rules.off:
        return number
    if number[1:].isdigit() and len(number) < 11:  # "+12345678": an amount rather than a number to call
        return number
    hits.append("phone")
    return _label("phone")


# ---------------------------------------------------------------------------------------------- named values


@lru_cache(maxsize=4096)
def _kind(name: str, query: bool) -> str | None:
    """Which rule a value of this name falls under, by the words of the name: ``max_tokens`` is not a token."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return None
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in ("hash", "confirmation", "value", "header") and before:
        words.pop()
        last, before = before, words[-2] if len(words) > 1 else ""
    if last in _PASSWORDS:
        return "password"
    if last in ("secret", "secrets"):
        return "secret"
    if last == "token":
        return None if before in _HARMLESS_TOKENS else "token"
    if last == "key" and before in _SECRET_KEYS:
        return "api-key"
    if last in ("credential", "credentials", "creds"):
        return "credential"
    if last in ("authorization", "auth"):
        return "authorization"
    if last in ("cookie", "cookies"):
        return "cookie"
    if last == "bearer":
        return "token"
    if last in ("pin", "otp", "totp", "cvv", "cvc", "ssn"):
        return "pin"
    if last in _PHONES or (last == "number" and before in _PHONES):
        return "phone"
    if query and last in _QUERY_NAMES:
        return "query-secret"
    return next((rule for ending, rule in _GLUED if last.endswith(ending)), None)


def _mask_values(text: str, pairs: re.Pattern[str], personal: bool, hits: _Hits) -> str:
    parts: list[str] = []
    done = at = 0
    while match := pairs.search(text, at):
        at = match.end()
        query = match.start() > 0 and text[match.start() - 1] in "?&"
        rule = _kind(match["name"], query)
        if rule is None or rule in hits.rules.off or (rule == "phone" and not personal):
            continue
        start, end, quoted = _span(text, at, rule, match["sep"], query)
        if end > start and _is_secret(rule, match["name"], text[start:end], match["sep"], quoted or query):
            parts += [text[done:start], _label(rule)]
            hits.append(rule)
            done = at = end
    if not done:
        return text
    parts.append(text[done:])
    return "".join(parts)


def _span(text: str, at: int, rule: str, sep: str, query: bool) -> tuple[int, int, bool]:
    """Where the value at ``at`` begins and ends, and whether it stands in quotes."""
    start, end, quoted = at, at, False
    if opening := _OPEN.match(text, at):
        quote, start, quoted = opening["quote"], opening.end(), True
        if len(quote) > 1:  # \" inside a string: ends at the next one written the same way
            line = _line_end(text, start)
            end = text.find(quote, start, line)
            end = line if end < 0 else end
        else:
            end = _match_end(_TO_QUOTE[quote], text, start)
    elif query:
        end = _match_end(_QUERY, text, start)
    if rule == "authorization" and not query:
        return (*_header(text, start, end if quoted else _line_end(text, start), quoted), quoted)
    if rule == "cookie":
        stop = end if quoted else _line_end(text, start)
        jar = _COOKIES.match(text, start, stop)
        if jar and ":" in sep:
            return start, jar.end(), True
        return start, _match_end(_ONE_TOKEN, text, start), quoted
    if not quoted and not query:
        end = _match_end(_BARE, text, start)
        while end > start and text[end - 1] in ")]}\\":
            end -= 1
    return start, end, quoted


def _header(text: str, start: int, stop: int, quoted: bool) -> tuple[int, int]:
    """The credentials of an Authorization header's value: the scheme is left to be read."""
    scheme = _SCHEME.match(text, start, stop)
    if scheme is None:
        return start, stop if quoted else _match_end(_ONE_TOKEN, text, start)
    name = scheme["scheme"].lower()
    if name in _WHOLE_HEADER:
        return scheme.end(), stop
    end = min(stop, _match_end(_ONE_TOKEN, text, scheme.end()))
    if name in _SINGLE_TOKEN or _RANDOM.match(text, scheme.end(), end):
        return scheme.end(), end
    return start, scheme.end("scheme")


def _match_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _is_secret(rule: str, name: str, value: str, sep: str, certain: bool) -> bool:
    """Whether the value of a secret's name is the secret itself, not a word about it, a placeholder or a mask."""
    if _LABELS.fullmatch(value) or _PLACEHOLDER.fullmatch(value) or value.strip("<>[](){}. ").lower() in _BENIGN:
        return False
    prose = not certain and sep.rstrip(" \t").endswith(":") and sep[-1] in " \t"
    digits = value.isdigit()
    if rule == "password":  # "pass=12 fail=0" counts tests, PWD=/srv is a directory
        return not (digits and name.lower() == "pass") and not (name.lower() == "pwd" and value[0] in "/~.")
    if rule == "pin":
        return re.fullmatch(r"\d[\d -]{2,10}#?", value) is not None
    if rule == "phone":
        return 7 <= sum(map(str.isdigit, value)) <= 15
    if rule == "query-secret":
        return len(value) >= 8
    random = _RANDOM.match(value) is not None
    if rule == "cookie":
        return "=" in value or random
    if rule == "authorization":
        return random or len(value) >= 16 or ("authorization" in name.lower() and not value.isalpha())
    if prose:  # "invalid token: unexpected end"
        return random
    return len(value) >= 4 and not (digits and len(value) < 6)


def _bearer(match: re.Match[str], hits: _Hits) -> str:
    if (token := match["bearer"]) is not None:
        if not _RANDOM.match(token):
            return match[0]
        return _group(match, "bearer", "token", hits)
    try:
        decoded = base64.b64decode(match["basic"], validate=True)
    except (binascii.Error, ValueError):
        return match[0]
    return _group(match, "basic", "authorization", hits) if b":" in decoded else match[0]
