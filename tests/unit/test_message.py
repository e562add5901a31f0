"""The message of a log line: its prefix goes into columns, its words never do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warroom.logs.message import message, message_start

LOGHUB = [
    line.split("\t", 3)[3]
    for line in (Path(__file__).parents[1] / "data" / "loghub.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2026-11-27T14:50:24.123Z INFO  [worker-0] com.example.PaymentService - POST /v1 200", "POST /v1 200"),
        ("2026-01-28 14:02:11,123 ERROR [main] c.e.Foo: query failed", "query failed"),
        ("2026-01-28T03:00:00Z 503 errors", "503 errors"),
        ("[2026-01-28 03:00:00] production.ERROR: Something", "Something"),
        ("Mar  5 14:02:11 web-1 sshd[123]: Failed password", "sshd[123]: Failed password"),
        ("2025-03-05 14:02:11.123  INFO 1234 --- [nio-1] o.s.web.DispatcherServlet : Completed", "Completed"),
        ("I0305 14:02:11.123456    1 controller.go:123] sync failed", "sync failed"),
        ("2026-01-28 03:00:00 UTC [123] ERROR:  relation does not exist", "relation does not exist"),
        ('{"time":"2026-01-28T03:00:00Z","level":"error","msg":"no answer","status":503}', "no answer  status=503"),
        ('time=2026-01-28T03:00:00Z level=error msg="no answer" status=503', "no answer  status=503"),
        ("\tat com.foo.Bar(Bar.java:1)", "\tat com.foo.Bar(Bar.java:1)"),
        ("2026-01-28T03:00:00Z", "2026-01-28T03:00:00Z"),
        ("{broken", "{broken"),
    ],
)
def test_the_prefix_is_left_out(line: str, words: str) -> None:
    assert message(line) == words


@pytest.mark.parametrize("line", LOGHUB)
def test_of_a_real_line_what_is_left_is_its_end_and_never_nothing(line: str) -> None:
    words = message(line)
    assert words.strip()
    assert line.endswith(words) or words.count("=") >= 1
    assert len(words) >= 8, "more than a prefix was taken"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_no_text_is_lost_or_made_up(text: str) -> None:
    words = message(text)
    assert words.strip() or not text.strip()
    assert 0 <= message_start(text) <= len(text)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            '10.0.0.7 - - [28/Jan/2026:14:02:11 +0000] "GET /pay?a=1 HTTP/1.1" 503 17',
            "GET /pay?a=1 503 17  10.0.0.7",
        ),
        (
            '10.0.0.7 - ada [28/Jan/2026:14:02:11 +0000] "POST /pay HTTP/2" 200 - "-" "curl/8.5"',
            'POST /pay 200 -  10.0.0.7 ada "-" "curl/8.5"',
        ),
        ('10.0.0.7 - - [28/Jan/2026:14:02:11 +0000] "-" 400 0', "- 400 0  10.0.0.7"),
    ],
)
def test_an_access_log_shows_the_request_first(line: str, shown: str) -> None:
    assert message(line) == shown
