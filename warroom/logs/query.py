"""What is looked for in lines: a text or regular expression. Reads no file.

RE2 runs over the bytes of many lines at once: it is faster than looking for a literal of the pattern first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from warroom.safety import strip_ansi
from warroom.safety.patterns import BadPattern, Pattern

__all__ = ["BadPattern", "Query", "decoded"]


def decoded(line: bytes) -> str:
    """A line as it is shown but for its secrets: text without its end and its colours."""
    return strip_ansi(line.decode("utf-8", "replace").removesuffix("\r"))


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. Smart case: without a capital, case does not matter."""

    text: str
    pattern: Pattern = field(compare=False)

    @classmethod
    def of(cls, text: str, *, regex: bool = False) -> Query:
        """Raises BadPattern. An empty text is found nowhere."""
        try:
            pattern = Pattern(text, ignore_case=text == text.lower(), literal=not regex)
        except BadPattern as error:
            raise BadPattern(f"the pattern {error}", unsupported=error.unsupported) from None
        return cls(text, pattern)

    @classmethod
    def typed(cls, text: str) -> Query:
        """A query as a person types it: a regular expression, or a literal text if it is not a valid one (yet).

        Raises BadPattern only for an expression that other engines would take and this one refuses.
        """
        try:
            return cls.of(text, regex=True)
        except BadPattern as error:
            if error.unsupported:
                raise
            return cls.of(text)

    def matches(self, text: str) -> bool:
        """Whether it is in the text: in one of its lines, if it has several."""
        return bool(self.text) and self.pattern.found(text)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it is in the text, as character offsets, for showing; nothing of width zero."""
        return self.pattern.spans(text) if self.text else iter(())

    def starts(self, data: bytes) -> list[int]:
        """Where in ``data``, which begins with a line, lines begin that match."""
        if not self.text:
            return []
        # Colour codes may be in the middle of a word, and RE2 reads UTF-8 only.
        if b"\x1b" in data or b"\r" in data or not _is_utf8(data):
            clean = decoded(data).replace("\r\n", "\n").encode()
            return _moved(self._starts(clean), clean, data)
        return self._starts(data)

    def _starts(self, data: bytes) -> list[int]:
        found = []
        at = 0
        while at < len(data) and (span := self.pattern.search(data, at)):
            start = data.rfind(b"\n", 0, span[0]) + 1
            if start == len(data):  # an empty match behind the last line
                break
            found.append(start)
            end = data.find(b"\n", span[0])
            at = end + 1 if end >= 0 else len(data)
        return found


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _moved(starts: list[int], clean: bytes, data: bytes) -> list[int]:
    """Beginnings of lines of ``clean`` as those of the same lines of ``data``."""
    found = []
    before = at = 0
    for start in starts:
        for _ in range(clean.count(b"\n", before, start)):
            at = data.index(b"\n", at) + 1
        before = start
        found.append(at)
    return found
