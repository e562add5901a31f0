"""Words that tell texts apart: what two texts share of them says how alike they are. Pure."""

from __future__ import annotations

import re

_WORD = re.compile(r"#?[^\W_][\w.-]*[^\W_]|#?[^\W_]")

_COMMON_TEXT = """
a about after all also an and another any are as at back be because been before being both but by can cause
caused causes could did do does down due each every failed failure few first for from get had has have higher
how if in incident into is issue it its just later led left less let made make more most much new no not now of
off on once one only or other our out over own problem production reached root same second service services set
should since so some still such system than that the their them then there these they this those through time to
too two under until up us use used users very via was we went were what when where which while who why will with
without would
"""

_COMMON = frozenset(_COMMON_TEXT.split())
"""English words that tell nothing about a cause."""


def telling_words(text: str) -> frozenset[str]:
    """Return the words of ``text`` that tell something, in lower case: tags whole, plurals as singulars."""
    found = (word.casefold() for word in _WORD.findall(text))
    return frozenset(
        word if word.startswith("#") else _singular(word)
        for word in found
        if word.startswith("#") or (len(word) > 1 and word not in _COMMON)
    )


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def words_in_order(text: str) -> tuple[str, ...]:
    """Return all words of ``text`` as ``telling_words`` spells them, each once."""
    return tuple(dict.fromkeys(_singular(word.casefold()) for word in _WORD.findall(text)))
