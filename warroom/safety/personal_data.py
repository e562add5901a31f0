"""Finds card numbers, e-mail addresses, phone numbers and IP addresses."""

from __future__ import annotations

import ipaddress
import re

from warroom.safety.rules import Hits, words

__all__ = ["mask_cards", "mask_emails", "mask_ips", "mask_phones"]

_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{13,16}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -])\d{6}\2\d{5})"
    r"(?![\w-])(?!\.\d)"
)
_IIN = re.compile(
    r"4(?:\d{12}|\d{15})$|5[1-5]\d{14}$|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}$"
    r"|3[47]\d{13}$|3(?:0[0-5]|[68]\d)\d{11}$|35\d{14}$|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12}$"
)
# An id may look like a card number, one in forty does: its name decides.
_ID_NAME = re.compile(
    r"(?i)(?<![\w-])(?:order|trace|span|parent|request|req|correlation|seq|sequence|offset|lsn|xid|tx|txn"
    r"|transaction|job|build|event|msg|message|user|shard|batch|row|ts|time|timestamp|id)"
    r"(?:[_-]?(?:id|no|nr|number|ns|us|ms))?[\"']?[ \t]{0,2}[=:#]?[ \t]{0,2}[\"'#]?$"
)
_EMAIL = re.compile(
    r"(?<![\w.+/-])(?P<user>[\w.+-]{1,64}+)@(?:[\w-]{1,63}+\.){1,5}(?P<top>[A-Za-z]{2,24})(?![\w-])"
)
_NOT_MAIL = words(
    "service socket timer mount slice scope target device path swap automount internal local lan"
    " localdomain svc cluster"
)
_PHONES_ABROAD = re.compile(r"\+(?<![\w+./:-]\+)\d(?:[ .()-]{0,2}\d){7,14}(?!\w)")
_PHONE = re.compile(r"(?<![\w+./:-])(?:\([2-9]\d\d\) ?|[2-9]\d\d-)[2-9]\d\d-\d{4}(?![\w-])")

_IP = re.compile(
    r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\w)"
    r"|(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,39}+(?:\.\d{1,3}){0,3}(?![\w.:]*\w))"
)


def mask_cards(text: str, _: bool, hits: Hits) -> str:
    """Card numbers of the big schemes, with the right check digit, not named as an id."""
    return _CARD.sub(lambda match: _card(match, hits), text)


def mask_emails(text: str, personal: bool, hits: Hits) -> str:
    """E-mail addresses, if personal data is to be masked."""
    if not personal:
        return text
    return _EMAIL.sub(lambda match: _email(match, hits), text)


def mask_phones(text: str, personal: bool, hits: Hits) -> str:
    """Phone numbers with a country code or as North America writes them, if personal data is to be masked."""
    if not personal:
        return text
    if "+" in text:
        text = _PHONES_ABROAD.sub(lambda match: _phone(match, hits), text)
    return _PHONE.sub(lambda match: _phone(match, hits), text)


def mask_ips(text: str, _: bool, hits: Hits) -> str:
    """IP addresses but for those of this machine."""
    return _IP.sub(lambda match: _ip(match, hits), text)


def _card(match: re.Match[str], hits: Hits) -> str:
    digits = match[0].replace(" ", "").replace("-", "")
    before = match.string[max(0, match.start() - 40) : match.start()]
    if not _IIN.match(digits) or not _luhn(digits) or (digits == match[0] and _ID_NAME.search(before)):
        return match[0]
    return hits.take("card") or match[0]


def _luhn(digits: str) -> bool:
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (odd + even) % 10 == 0


def _email(match: re.Match[str], hits: Hits) -> str:
    if match["user"] == "git" or match["top"].lower() in _NOT_MAIL:
        return match[0]
    return hits.take("email") or match[0]


def _ip(match: re.Match[str], hits: Hits) -> str:
    found = match[0]
    try:
        address = ipaddress.ip_address(found)
    except ValueError:  # 999.1.1.1, 14:02:11, a MAC address
        return found
    if address.is_loopback or address.is_unspecified:
        return found
    return hits.take("ip") or match[0]


def _phone(match: re.Match[str], hits: Hits) -> str:
    number = match[0]
    if number[1:].isdigit() and len(number) < 11:  # "+12345678": an amount rather than a number to call
        return number
    return hits.take("phone") or match[0]
