"""The kinds of text a settings table holds, each with its limits, and the base class of the tables."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain control or direction characters, or line breaks")
    return text


def not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def _key(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", text):
        raise ValueError("must be at most 40 letters (a to z), digits, hyphens and underscores")
    return text


def _link(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in text:
        raise ValueError("must be a web address that begins with http:// or https://")
    return text


Text = Annotated[str, Field(max_length=500), AfterValidator(one_line)]
Name = Annotated[str, Field(max_length=80), AfterValidator(one_line), AfterValidator(not_empty)]
Key = Annotated[str, AfterValidator(_key)]
Link = Annotated[str, Field(max_length=2000), AfterValidator(one_line), AfterValidator(_link)]


class Table(BaseModel):
    """A table of the settings: unknown keys are mistakes, and no error repeats a value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)
