"""What live readings say for and against checklist items."""

from __future__ import annotations

import pytest

from warroom.incident.readings import of_errors, of_last_minute


@pytest.mark.parametrize(
    ("by_minute", "speaks", "text"),
    [
        ((0, 0, 0), "for", "no errors in the last 3 min"),
        ((41, 3, 0, 0), "for", "no errors in the last 2 min (was 41/min)"),
        ((0, 0, 953), "against", "953 errors in the last minute"),
        ((0, 2000, 1), "against", "1 error in the last minute (was 2000/min)"),
        ((1234,), "against", "1,234 errors in the last minute"),
    ],
)
def test_errors_by_the_minute_speak_against_an_item_only_while_they_go_on(
    by_minute: tuple[int, ...], speaks: str, text: str
) -> None:
    reading = of_errors(by_minute)
    assert (reading.speaks, reading.text, reading.against) == (speaks, text, speaks == "against")


def test_the_last_minute_alone_is_read_alike() -> None:
    assert of_last_minute(0).speaks == "for" and of_last_minute(2).against
