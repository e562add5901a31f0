"""Find secrets by what comes before them: ``password=x``, ``--secret x``, ``Authorization: …``, ``://user:x@``."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache

from warroom.safety.rules import LABELS, Hits, is_placeholder, label, words
from warroom.safety.token_formats import vendors

__all__ = [
    "mask_addresses",
    "mask_bearers",
    "mask_elements",
    "mask_flags",
    "mask_named_values",
    "mask_pairs",
    "mask_value_line",
    "names_secret",
]


# name = value, name: value, "name": "value", ?name=value, name => value, also inside JSON inside JSON (\"name\").
_PAIR = re.compile(
    r"(?<![\w.])(?P<name>[A-Za-z_][\w.-]{1,79}+)(?P<sep>\\{0,4}[\"'`]?\]?[ \t]{0,24}+"
    r"(?:=>|:=|={1,2}|:[ \t]?&?[A-Za-z_][\w.:<>\[\]?]{0,40}[ \t]{1,2}=(?=[ \t]{0,2}\\{0,4}[\"'`])|:)[ \t]{0,24}+)"
)
# --password x, -Password x, and "--password", "x" as in a list of arguments.
_FLAG = re.compile(
    r"(?<![\w-])-{1,2}(?P<name>[A-Za-z][\w-]{1,60}+)"
    r"(?P<sep>[ \t]{1,4}(?=[^\s-])|\\{0,4}[\"'][ \t]{0,2},[ \t]{0,4}(?=\\{0,4}[\"']))"
)
# What may come before the quote: brackets, string(14) of PHP, Some( of Rust, b of Python.
_OPEN = re.compile(
    r"[\[({ ]{0,3}(?:\s{0,8}string\(\d{1,9}\) |(?:[A-Za-z_&][\w:.]{0,40}\([ ]?){0,3})[bruN]{0,2}"
    r"(?P<quote>\\{0,4}[\"'`])"
)
_TO_QUOTE = {q: re.compile(rf"[^{q}\\\n]*+(?:(?:\\.|{q}{q})[^{q}\\\n]*+)*+") for q in "\"'`"}
# A comma or semicolon ends a bare value only where another pair or a blank follows: passwords have commas in them.
_BARE = re.compile(r"[^\s,;&\"'`<>|]++(?:[,;&|](?![\s\"'{\[&|]|[\w.-]{1,64}+[\"']?[=:])[^\s,;&\"'`<>|]++){0,16}+")
_QUERY = re.compile(r"[^\s&#\"'`<>]++")
_LINE = re.compile(r"[^\n]*+")
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][\w-]{1,30}+)[ \t]{1,4}")
_ONE_TOKEN = re.compile(r"[^\s\"'`<>]++")
_COOKIES = re.compile(r"[^\s=;,\"']{1,256}+=[^\s;\"']*+(?:;[ \t]*+[^\s=;\"']++(?:=[^\s;\"']*+)?+)*+")
_BEARER = re.compile(
    r"(?i)(?<![A-Za-z])(?:bearer[ \t]{1,4}(?P<bearer>[\w.~+/-]{8,}+=*+)"
    r"|basic[ \t]{1,4}(?P<basic>[A-Za-z0-9+/]{6,}+={0,2}))"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PASSWORDS = words(
    "password passwd passwort pwd pass passphrase passcode passkey userpass dbpass keypass psk kennwort wachtwoord"
    " senha contrasena"
)
_NOUNS = {
    "credential": "credential",
    "credentials": "credential",
    "creds": "credential",
    "authorization": "authorization",
    "auth": "authorization",
    "cookie": "cookie",
    "cookies": "cookie",
    "bearer": "token",
    "jwt": "token",
    "pin": "pin",
    "otp": "pin",
    "totp": "pin",
    "cvv": "pin",
    "cvc": "pin",
    "ssn": "pin",
}
# What a name may end in and still be a secret's: client-key-data, password_hash.
_ENCODINGS = words("data base text plaintext pem string b")
_SUFFIXES = words("hash confirmation value header") | _ENCODINGS
_ENCODED = words("key password passwd secret token passphrase")
_GLUED = (
    ("password", "password"),
    ("passwd", "password"),
    ("passphrase", "password"),
    ("secret", "secret"),
    ("apikey", "api-key"),
    ("secretkey", "api-key"),
    ("privatekey", "api-key"),
    ("accesskey", "api-key"),
    ("sessid", "session"),
    ("jsessionid", "session"),
)
_SECRET_KEYS = words(
    "api access private secret client service signing encryption decryption master auth shared account ssh"
    " subscription webhook integration routing genie app application admin storage hmac aes rsa deploy"
)
_HARMLESS_TOKENS = words(
    "next page continuation cancellation cancel stop eos bos pad unk mask prompt completion"
    " sync fencing max min per unexpected resume"
)
_QUERY_NAMES = words("key sig signature code auth session sid credential")
_PHONES = words("phone mobile msisdn telephone tel cell phonenumber")
_RANDOM = re.compile(r"(?=[^0-9]*+[0-9])(?=[^A-Za-z]*+[A-Za-z]).{8,}|\S{24,}", re.DOTALL)
_WHOLE_HEADER = words("digest hmac signature oauth aws4-hmac-sha256 aws")
_SINGLE_TOKEN = words("basic bearer token bot negotiate ntlm apikey api-key geniekey splunk key")


# A vendor's name before "key" makes it a secret's, as in STRIPE_KEY; some are ordinary words and do not count.
_ORDINARY = words("age line linear modal password render resend segment square together ramp mercury")
_VENDOR_WORDS = frozenset(vendor.name.partition("-")[0] for vendor in vendors()) - _ORDINARY | words(
    "abuseipdb amplitude appcenter auth0 beamer bittrex braze bugsnag cloudflare cloudinary codecov"
    " cohere cosmos coveralls datadog deepgram deepseek digitalocean drone droneci elasticsearch etherscan"
    " etsy eventbrite fastly finicity finnhub firebase fixer flickr freshbooks freshdesk gitter helpscout"
    " heroku hubspot intercom ipinfo ipstack jira kraken kucoin launchdarkly linkedin logzio loggly looker"
    " mailgun mailjet mandrill mapquest meraki messagebird mistral mixpanel mux netlify newsapi nexmo"
    " nytimes okta onesignal openweather opsgenie optimizely pagerduty papertrail pastebin plaid postmark"
    " privateai pusher rapidapi raygun rollbar sauce securitytrails semaphore sendbird shodan sidekiq"
    " sonar sparkpost splunk squarespace statuspage sumo sumologic supabase tomtom travis trello twitch"
    " twitter unsplash uptimerobot virustotal vonage vultr wakatime weatherstack yelp zendesk"
)


@lru_cache(maxsize=4096)
def _kind(name: str, query: bool) -> str | None:
    """Which rule a value of this name falls under, by the words of the name: ``max_tokens`` is not a token."""
    parts = [word.lower() for word in _WORDS.findall(name)]
    if not parts:
        return None
    if parts[-1] in _SUFFIXES and len(parts) > 1 and (parts[-1] not in _ENCODINGS or parts[-2] in _ENCODED):
        parts.pop()
    last, before = parts[-1], parts[-2] if len(parts) > 1 else ""
    if last in _PASSWORDS:
        return "password"
    if last in ("secret", "secrets", "mnemonic"):
        return "secret"
    if last == "token":
        return None if before in _HARMLESS_TOKENS else "token"
    if last == "key" and (before in _SECRET_KEYS or not _VENDOR_WORDS.isdisjoint(parts)):
        return "api-key"
    if last in _NOUNS:
        return _NOUNS[last]
    if last == "pat" and before:
        return "token"
    if last in _PHONES or (last == "number" and before in _PHONES):
        return "phone"
    if query and last in _QUERY_NAMES:
        return "query-secret"
    if last.endswith("token"):  # in one word, as in csrftoken
        return None if last.removesuffix("token") in _HARMLESS_TOKENS else "token"
    return next((rule for ending, rule in _GLUED if last.endswith(ending)), None)


def mask_pairs(text: str, personal: bool, hits: Hits) -> str:
    """Values of ``name=value``, ``name: value``, ``"name": "value"`` and the like."""
    return _mask_values(text, _PAIR, personal, hits)


def mask_flags(text: str, personal: bool, hits: Hits) -> str:
    """Values of ``--name value`` and ``-Name value``."""
    return _mask_values(text, _FLAG, personal, hits)


def mask_bearers(text: str, _: bool, hits: Hits) -> str:
    """Credentials after ``Bearer`` and ``Basic``, anywhere in the text."""
    return _BEARER.sub(lambda match: _bearer(match, hits), text)


# A name and its value apart, as Kubernetes and XML write them: {"name": "DB_PASSWORD", "value": "x"}.
_NAMED_VALUE = re.compile(
    r"(?i)(?<![\w-])(?:name|key)\\{0,4}[\"']?\s{0,4}[:=]\s{0,4}\\{0,4}[\"']?(?P<name>[\w.-]{2,80}+)\\{0,4}[\"']?,?\s{0,200}+"
    r"\\{0,4}[\"']?value\\{0,4}[\"']?\s{0,4}(?P<sep>[:=][ \t]{0,4})"
)
_NAME_LINE = re.compile(
    r"\s*+(?:-\s{1,8})?[\"']?name[\"']?\s{0,4}:\s{0,4}[\"']?(?P<name>[\w.-]{2,80}+)[\"']?,?\s*+"
)
_VALUE_LINE = re.compile(r"\s*+[\"']?value[\"']?\s{0,4}:\s{0,4}")


def mask_named_values(text: str, personal: bool, hits: Hits) -> str:
    """Values that are apart from their names, in one line or two."""
    return _mask_values(text, _NAMED_VALUE, personal, hits)


_ELEMENT = re.compile(r"<(?P<name>[A-Za-z_][\w.:-]{1,80}+)(?:\s[^<>]{0,400}+)?>(?P<value>[^<>]{3,400}+)</")


def mask_elements(text: str, personal: bool, hits: Hits) -> str:
    """Values of XML elements, as in <password>x</password>."""

    def masked(match: re.Match[str]) -> str:
        rule = _kind(match["name"], False)
        if rule is None or (rule == "phone" and not personal):
            return match[0]
        return (
            _group(match, "value", rule, hits)
            if _is_secret(rule, match["name"], match["value"], "=", True)
            else match[0]
        )

    return _ELEMENT.sub(masked, text)


def names_secret(line: str) -> bool:
    """Whether the line only names a secret whose value is in the next one."""
    match = _NAME_LINE.fullmatch(line)
    return match is not None and _kind(match["name"], False) is not None


def mask_value_line(line: str, hits: Hits) -> str:
    """The line with its value masked, if it is ``value: …``."""
    match = _VALUE_LINE.match(line)
    if not match:
        return line
    start, end, _ = _span(line, match.end(), "secret", ":", False)
    if end <= start or is_placeholder(line[start:end]) or (masked := hits.take("secret")) is None:
        return line
    return line[:start] + masked + line[end:]


_USERINFO = re.compile(r"://(?P<user>[^\s/?#@:\"'<>‹›]{0,256}):(?P<value>[^\s/?#\"'<>]{1,512})@(?=[\w\[%.-])")
# A password with one of / ? # in it. What begins like a port is a host with a path: http://host:80/a@b.
_ODD_USERINFO = re.compile(
    r"://(?P<user>[^\s/?#@:\"'<>\[‹›]{0,256}):(?!\d{1,5}[/?#])(?P<value>[^\s\"'<>@]{1,256})"
    r"@(?=[\w.-]{1,200}+(?::\d{1,5})?(?:[/?\s\"'),;]|$))"
)
_USER_ALONE = re.compile(r"://(?P<value>[^\s/?#@:\"'<>\[\]‹›]{16,256}):?@(?=[\w\[%.-])")


def mask_addresses(text: str, _: bool, hits: Hits) -> str:
    """Passwords in addresses, and tokens in the place of the user: ``https://TOKEN:x-oauth-basic@host``."""
    if "@" not in text:
        return text
    text = _USERINFO.sub(lambda match: _userinfo(match, hits), text)
    text = _ODD_USERINFO.sub(lambda match: _userinfo(match, hits), text)
    return _USER_ALONE.sub(lambda match: _userinfo(match, hits), text)


def _userinfo(match: re.Match[str], hits: Hits) -> str:
    user = match.groupdict().get("user")
    if user is None:
        return _group(match, "value", "url-password", hits) if _is_token(match["value"]) else match[0]
    if _is_token(user):  # the password behind it is a mere word, or a secret as well
        masked = hits.take("url-password")
        return match[0] if masked is None else f"://{masked}@"
    return _group(match, "value", "url-password", hits)


def _is_token(text: str) -> bool:
    return len(text) >= 16 and any(map(str.isdigit, text)) and any(map(str.isalpha, text)) and "‹" not in text


def _mask_values(text: str, pairs: re.Pattern[str], personal: bool, hits: Hits) -> str:
    parts: list[str] = []
    done = at = 0
    while match := pairs.search(text, at):
        at = match.end()
        query = match.start() > 0 and text[match.start() - 1] in "?&"
        rule = _kind(match["name"], query)
        if rule is None or rule in hits.rules.off or (rule == "phone" and not personal):
            at = match.end("name")  # what followed may be a name as well: "app: password = x"
            continue
        sep = match[2]
        start, end, quoted = _span(text, at, rule, sep, query)
        if end > start and _is_secret(rule, match["name"], text[start:end], sep, quoted or query):
            parts += [text[done:start], label(rule)]
            hits.append(rule)
            done = at = end
    if not done:
        return text
    parts.append(text[done:])
    return "".join(parts)


def _span(text: str, at: int, rule: str, sep: str, query: bool) -> tuple[int, int, bool]:
    """Where the value at ``at`` begins and ends, and whether it is in quotes."""
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
    if is_placeholder(value):
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


def _bearer(match: re.Match[str], hits: Hits) -> str:
    if (token := match["bearer"]) is not None:
        if not _RANDOM.match(token):
            return match[0]
        return _group(match, "bearer", "token", hits)
    try:
        decoded = base64.b64decode(match["basic"], validate=True)
    except (binascii.Error, ValueError):
        return match[0]
    return _group(match, "basic", "authorization", hits) if b":" in decoded else match[0]


def _group(match: re.Match[str], group: str, rule: str, hits: Hits) -> str:
    value = match[group]
    if LABELS.fullmatch(value) or (masked := hits.take(rule)) is None:
        return match[0]
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    return match[0][:start] + masked + match[0][end:]
