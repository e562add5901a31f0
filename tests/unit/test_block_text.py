"""Large type: every digit is a different shape, sizes are as stated, and no name breaks the screen."""

from __future__ import annotations

import string
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warroom.tui.widgets import block_text


def test_every_character_looks_different() -> None:
    shapes = {block_text.lines(letter) for letter in string.digits + string.ascii_uppercase}
    assert () not in shapes
    assert len(shapes) == 36 - 1, "only S and 5 share a shape"


@pytest.mark.parametrize("scale", range(1, 9))
def test_a_text_is_as_large_as_is_said(scale: int) -> None:
    lines = block_text.lines("13 MIN", scale)
    assert len(lines) == block_text.rows(scale)
    assert {len(line) for line in lines} == {block_text.width("13 MIN", scale)}


@given(st.text(max_size=12), st.integers(1, 200))
def test_the_scale_that_fits_fits_whatever_the_text(text: str, columns: int) -> None:
    scale = block_text.fits(text, columns)
    assert scale == 0 or block_text.width(text, scale) <= columns
    assert scale == 8 or scale == 0 or block_text.width(text, scale + 1) > columns


def test_accents_are_dropped_and_a_name_without_glyphs_is_plain_text() -> None:
    assert block_text.lines("Zoë") == block_text.lines("ZOE")
    assert block_text.lines("陈伟") == () and block_text.content("陈伟", 2, "bold").plain == "陈伟"


def test_durations_are_to_the_minute() -> None:
    assert block_text.duration(timedelta(seconds=761)) == "12 MIN"
    assert block_text.duration(timedelta(hours=2, minutes=5)) == "2 H 05"
    assert block_text.duration(timedelta(days=3, hours=4, minutes=59)) == "3 D 04 H"


def test_large_type_that_does_not_fit_is_plain_text() -> None:
    assert block_text.content("13 min", block_text.fits("13 MIN", 5), "bold").plain == "13 MIN"
