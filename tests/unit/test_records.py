"""What log lines say about themselves: samples of every format as programs really write them, and hostile ones."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warroom.logs.line_shapes import UNKNOWN, LineReader
from warroom.logs.records import LEVELS, Level, is_continuation, rank
from warroom.logs.unfold import unfold

NOW = datetime(2025, 3, 5, 14, 30, tzinfo=UTC)


def at(hour: int = 14, minute: int = 2, second: int = 11, micro: int = 0, day: int = 5) -> datetime:
    return datetime(2025, 3, day, hour, minute, second, micro, UTC)


T = at()
MS = at(micro=123000)
US = at(micro=123456)

# format → (line, level, time)
SAMPLES: dict[str, list[tuple[str, Level | None, datetime | None]]] = {
    "iso": [
        ("2025-03-05T14:02:11Z INFO started", "info", T),
        ("2025-03-05T14:02:11.123456789Z WARN  slow", "warn", US),
        ("2025-03-05T15:02:11.123+01:00 [error] upstream gone", "error", MS),
        ("2025-03-05T15:02:11.123+0100 debug: cache miss", "debug", MS),
        ("2025-03-05 15:02:11.123+01 ERROR x", "error", MS),
        ("2025-03-05 09:02:11 -0500 FATAL out of memory", "fatal", T),
        ("2025/03/05 14:02:11 listening on :8080", None, T),
        ("2025/03/05 14:02:11.123456 main.go:23: panic: boom", "fatal", US),
        ("20250305T140211Z INFO compact", "info", T),
        ("20250305T150211.123+0100 ERROR compact", "error", MS),
        ("2025-03-05 14:02:11,123 INFO an ERROR was avoided", "info", MS),
        ("2025-03-05 14:02:11 user info page: an ERROR", "error", T),
        ("2025-03-05T14:02:11.123Z [INFO]  agent: Synced service", "info", MS),  # Consul, Vault
        ("2025-03-05 14:02:11.123456+00:00 [notice] <0.221.0> accepting", "info", US),  # RabbitMQ
        ('2025-03-05T14:02:11.123Z\terror\tmain/main.go:12\tdial failed\t{"a": 1}', "error", MS),  # zap console
        ("2025-03-05 14:02:11.123 +00:00 [WRN] Retrying", "warn", MS),  # Serilog
        ("2025-03-05T14:02:11.123456Z 8 [Warning] [MY-010068] [Server] CA is self signed", "warn", US),  # MySQL
        ("2025-03-05T14:02:11.123456Z 0 [System] [MY-010931] ready for connections", "info", US),
        ("2025-03-05T14:02:11.123+0000 E STORAGE  [initandlisten] dir not found", "error", MS),  # MongoDB 4.2
        ("2025-03-05 14:02:11.123 1234 ERROR nova.compute [req-1] Instance failed", "error", MS),  # OpenStack
        ("[2025-03-05 14:02:11,123] INFO [KafkaServer id=0] started (kafka.server)", "info", MS),
        ("[2025-03-05T14:02:11,123][WARN ][o.e.m.j.JvmGcMonitorService] [node-1] gc overhead", "warn", MS),
        ("[1] 2025/03/05 14:02:11.123456 [INF] Server is ready", "info", US),  # NATS
    ],
    "other dates": [
        ("05-Mar-2025 14:02:11.123 SEVERE [main] o.a.c.c.C.log x", "error", MS),  # Tomcat
        ("[05-Mar-2025 14:02:11] WARNING: [pool www] child 7 exited", "warn", T),  # php-fpm
        ("[05-Mar-2025 15:02:11 Europe/Berlin] PHP Fatal error:  x", "error", at(15)),
        ("Mar 05, 2025 2:02:11 PM com.foo.Bar baz", None, T),  # java.util.logging
        ("SEVERE: Servlet.service() threw exception", "error", None),
        ("Wed, 05 Mar 2025 15:02:11 +0100 job done", None, T),
        ("Wed Mar  5 14:02:11 2025 tunnel up", None, T),
        ("03/25/2025 02:02:11 PM INFO x", "info", datetime(2025, 3, 25, 14, 2, 11, tzinfo=UTC)),
        ("25/03/2025 14:02:11 INFO x", "info", datetime(2025, 3, 25, 14, 2, 11, tzinfo=UTC)),
        ("05.03.2025 14:02:11 ERROR x", "error", T),
        ("03-05 14:02:11.123  1234  1240 W ActivityManager: slow", "warn", MS),  # logcat
        ("14:02:11.123 [info] GET /", "info", MS),  # Elixir
        ("[14:02:11 ERR] failed", "error", T),
        ("2:02PM WRN low disk", "warn", at(second=0)),  # zerolog console
        ("type=SYSCALL msg=audit(1741183331.123:4567): arch=c000003e syscall=59", None, MS),
    ],
    "syslog 3164": [
        ("Mar  5 14:02:11 web-1 sshd[812]: error: PAM: x", "error", T),
        ("Mar  5 14:02:11 web-1 kernel: link up", None, T),
        ("<11>Mar  5 14:02:11 web-1 app[1]: bad", "error", T),
        ("<34>Mar  5 14:02:11 mymachine su: 'su root' failed", "fatal", T),
        ("<28>Mar  5 14:02:11 h x: hm", "warn", T),
        ("<14>Mar  5 14:02:11 h app[1]: 2025-03-05 14:02:11 ERROR told by the message", "error", T),
        ("<15>Mar  5 14:02:11 h app[1]: quiet", "debug", T),
        ("2025-03-05T14:02:11.123456+00:00 web-1 app[12]: [warn] slow", "warn", US),
        ('Mar  5 14:02:11 web-1 api[7]: {"level":"error","msg":"x"}', "error", T),
    ],
    "syslog 5424": [
        ("<34>1 2025-03-05T14:02:11.123Z m.example.com su - ID47 - 'su root' failed", "fatal", MS),
        (
            '<165>1 2025-03-05T14:02:11.123456Z h evntslog 99 ID47 [ex@32473 iut="3" eventID="1011"] An event',
            "info",
            US,
        ),
        ("<131>1 2025-03-05T15:02:11+01:00 h app 12 - - x", "error", T),
        ("<134>1 2025-03-05T14:02:11Z h app 12 - - level=warn msg=slow", "warn", T),
        ("<135>1 - - - - - - nobody knows when", "debug", None),
    ],
    "log4j, logback": [
        ("2025-03-05 14:02:11,123 [main] ERROR c.f.Bar - timeout", "error", MS),
        ("2025-03-05 14:02:11.123  INFO 12345 --- [nio-8080-exec-1] o.s.w.s.DispatcherServlet : x", "info", MS),
        ("2025-03-05T14:02:11.123Z  WARN 1 --- [app] [main] c.e.App : x", "warn", MS),
        ("14:02:11.123 [http-nio-8080-exec-3] DEBUG o.s.jdbc.Template - x", "debug", MS),
        ("2025-03-05 14:02:11 TRACE Foo:42 - x", "trace", T),
        ("WARN  [2025-03-05 14:02:11,123] org.eclipse.jetty: x", "warn", MS),  # Dropwizard
        ("2025-03-05 14:02:11,123 FATAL [org.jboss.as] (MSC service thread 1-1) x", "fatal", MS),
        ("0    [main] INFO  com.foo.Bar  - Entering", "info", None),
    ],
    "python": [
        ("2025-03-05 14:02:11,123 - app.db - ERROR - timeout", "error", MS),
        ("2025-03-05 14:02:11,123 CRITICAL app: x", "fatal", MS),
        ("ERROR:root:boom", "error", None),
        ("WARNING:app.db:slow", "warn", None),
        ("INFO:     Application startup complete.", "info", None),  # uvicorn
        ('INFO:     127.0.0.1:51234 - "GET /x HTTP/1.1" 500 Internal Server Error', "error", None),
        ('INFO:werkzeug:127.0.0.1 - - [05/Mar/2025 14:02:11] "GET /x HTTP/1.1" 404 -', "warn", T),
        ("[2025-03-05 14:02:11 +0000] [12] [INFO] Booting worker with pid: 12", "info", T),  # gunicorn
        ("[2025-03-05 14:02:11,123: WARNING/MainProcess] celery@h ready", "warn", MS),
        ("2025-03-05 14:02:11.123 | ERROR    | app.db:connect:42 - x", "error", MS),  # loguru
        ("Traceback (most recent call last):", "error", None),
    ],
    "glog, klog": [
        ("E0305 14:02:11.123456    1 reflector.go:147] Failed to watch", "error", US),
        ("I0305 14:02:11.123456       1 main.go:1] ERROR is only a word here", "info", US),
        ("W20250305 14:02:11.123456  9 x.cc:1] hm", "warn", US),
        ("F250305 14:02:11.123456 1 server.go:1 ⋮ x", "fatal", US),  # CockroachDB
    ],
    "access": [
        ('10.0.0.1 - - [05/Mar/2025:14:02:11 +0000] "GET /x HTTP/1.1" 200 12', "info", T),
        ('10.0.0.1 - bob [05/Mar/2025:15:02:11 +0100] "GET /ERROR HTTP/1.1" 404 12 "-" "curl/8"', "warn", T),
        ('::1 - - [05/Mar/2025:14:02:11 +0000] "POST /y HTTP/2.0" 503 0 "https://x/" "M/5.0" 0.003', "error", T),
        ('shop.example.com:443 10.0.0.1 - - [05/Mar/2025:14:02:11 +0000] "GET / HTTP/1.1" 301 5', "info", T),
        ('10.0.0.1 - - [05/Mar/2025:14:02:11 +0000] "\\x16\\x03\\x01 \\"" 400 150 "-" "-"', "warn", T),
        ('10.0.0.1 - - [05/Mar/2025:14:02:11 +0000] "-" 408 - "-" "-"', "warn", T),
    ],
    "nginx error": [
        ("2025/03/05 14:02:11 [error] 123#0: *1 connect() failed (111: Connection refused)", "error", T),
        ("2025/03/05 14:02:11 [crit] 123#0: *1 SSL_do_handshake() failed", "fatal", T),
        ("2025/03/05 14:02:11 [notice] 1#1: using the epoll event method", "info", T),
        ("2025/03/05 14:02:11 [emerg] 1#1: bind() failed", "fatal", T),
    ],
    "apache error": [
        ("[Wed Mar 05 14:02:11.123456 2025] [core:error] [pid 1:tid 140] AH00124: x", "error", US),
        ("[Wed Mar 05 14:02:11 2025] [warn] [client 10.0.0.1] mod_x: y", "warn", T),
        ("[Wed Mar 05 14:02:11.123456 2025] [ssl:trace3] [pid 1] x", "trace", US),
        ("[Wed Mar 05 14:02:11.123456 2025] [mpm_event:notice] [pid 1] AH00489: resuming", "info", US),
    ],
    "json": [
        (
            '{"name":"a","host":"h","pid":1,"level":50,"msg":"x","time":"2025-03-05T14:02:11.123Z","v":0}',
            "error",
            MS,
        ),  # bunyan
        ('{"level":30,"time":1741183331123,"pid":1,"hostname":"h","msg":"level: error"}', "info", MS),  # pino
        ('{"level":35,"time":1741183331123}', "info", MS),
        ('{"level":"warn","ts":1741183331.123456,"caller":"a.go:1","msg":"x"}', "warn", US),  # zap
        ('{"L":"x","level":"dpanic","ts":"2025-03-05T14:02:11.123Z"}', "fatal", MS),
        # structlog
        ('{"event": "x", "level": "critical", "timestamp": "2025-03-05T14:02:11.123456Z"}', "fatal", US),
        (
            '{"@timestamp":"2025-03-05T14:02:11.123Z","log.level":"ERROR","message":"x","ecs.version":"1.2"}',
            "error",
            MS,
        ),  # ECS
        ('{"@timestamp":"2025-03-05T14:02:11.123Z","log":{"level":"debug","logger":"a"}}', "debug", MS),
        # GCP
        ('{"severity":"CRITICAL","timestamp":"2025-03-05T14:02:11.123456789Z","textPayload":"x"}', "fatal", US),
        ('{"severity":"DEFAULT","timestamp":{"seconds":1741183331,"nanos":123456789}}', None, US),
        ('{"severity":"NOTICE","timestampSeconds":1741183331,"timestampNanos":123000000}', "info", MS),
        # journald
        ('{"PRIORITY":"3","__REALTIME_TIMESTAMP":"1741183331123456","MESSAGE":"x","_PID":"1"}', "error", US),
        ('{"PRIORITY":"6","__REALTIME_TIMESTAMP":"1741183331123456","MESSAGE":"ERROR x"}', "info", US),
        # GELF
        ('{"version":"1.1","host":"h","short_message":"x","timestamp":1741183331.123,"level":3}', "error", MS),
        ('{"t":{"$date":"2025-03-05T14:02:11.123+00:00"},"s":"W","c":"NETWORK","msg":"x"}', "warn", MS),  # MongoDB
        ('{"@t":"2025-03-05T14:02:11.123Z","@mt":"x {y}","y":1}', "info", MS),  # CLEF
        ('{"@t":"2025-03-05T14:02:11.123Z","@mt":"x","@l":"Error"}', "error", MS),
        ('{"instant":{"epochSecond":1741183331,"nanoOfSecond":123456000},"level":"ERROR"}', "error", US),  # log4j2
        ('{"timeMillis":1741183331123,"level":"INFO"}', "info", MS),
        ('{"timestamp":"1741183331123456789","severityNumber":17,"body":"x"}', "error", US),  # OpenTelemetry
        (
            '{"log":"2025-03-05 14:02:11 ERROR x\\n","stream":"err","time":"2025-03-05T14:02:11.123456789Z"}',
            "error",
            US,
        ),  # docker json-file
        ('{"time_iso8601":"2025-03-05T14:02:11+00:00","status":"502","request":"GET /"}', "error", T),  # nginx
        ('{"ts":1741183331.123,"level":"error","status":200}', "error", MS),
        ('{"time":"2025-03-05T14:02:11Z","level":"ERROR","msg":"cut of', "error", T),
        ('{"msg":"no level, no time"}', None, None),
        ('{"level":null,"time":true}', None, None),
    ],
    "logfmt": [
        ('time="2025-03-05T14:02:11Z" level=error msg="level=info is only text" err="x y"', "error", T),  # logrus
        ("ts=2025-03-05T14:02:11.123Z caller=main.go:1 level=warn msg=x", "warn", MS),  # go-kit
        ("t=2025-03-05T14:02:11+0000 lvl=eror msg=x", "error", T),  # log15
        ("time=2025-03-05T14:02:11.123Z level=INFO msg=x n=1", "info", MS),  # slog
        ("2025-03-05T14:02:11.123456+00:00 heroku[router]: at=error code=H12 status=503", "error", US),
        ("method=GET path=/orders format=html status=500 duration=12.3", "error", None),  # lograge
        ("ts=1741183331.123 level=debug x=1", "debug", MS),
    ],
    "postgresql": [
        ("2025-03-05 14:02:11.123 UTC [123] LOG:  checkpoint starting: time", "info", MS),
        ("2025-03-05 15:02:11.123 CET [123] app@shop ERROR:  duplicate key", "error", MS),
        ("2025-03-05 14:02:11 UTC [123-1] app@shop FATAL:  remaining connection slots are reserved", "fatal", T),
        ("2025-03-05 14:02:11.123 UTC [123] WARNING:  x", "warn", MS),
        ("2025-03-05 14:02:11.123 UTC [123] STATEMENT:  SELECT 'ERROR'", None, MS),
        ('2025-03-05 14:02:11.123 UTC,"app","shop",12,"h:5",67c8,1,"SELECT",,3/0,0,ERROR,23505,"x"', "error", MS),
    ],
    "rails": [
        ("E, [2025-03-05T14:02:11.123456 #123] ERROR -- : boom", "error", US),
        ("I, [2025-03-05T14:02:11.123456 #123]  INFO -- : [req-1] Started GET", "info", US),
        ('Started GET "/orders" for 10.0.0.1 at 2025-03-05 15:02:11 +0100', "info", T),
        ("Completed 500 Internal Server Error in 12ms (ActiveRecord: 1.2ms)", "error", None),
        ("Completed 200 OK in 12ms (Views: 8.1ms)", "info", None),
        ("Processing by OrdersController#show as HTML", "info", None),
    ],
    "redis": [
        ("12:M 05 Mar 2025 14:02:11.123 * Ready to accept connections", "info", MS),
        ("12:M 05 Mar 2025 14:02:11.123 # WARNING overcommit_memory", "warn", MS),
    ],
    "epoch": [
        ("1741183331 x", None, T),
        ("1741183331.123 ERROR x", "error", MS),
        ("[1741183331123] WARN x", "warn", MS),
        ("1741183331123456 x", None, US),
        ("1741183331123456789 x", None, US),
        ("1741183331.123    52 10.0.0.1 TCP_MISS/200 512 GET http://x/", None, MS),  # squid
    ],
    "containers": [
        ('2025-03-05T14:02:11.123456789Z stderr F {"level":"error","msg":"x"}', "error", US),  # CRI
        ("2025-03-05T14:02:11.123456789Z stdout F plain text", None, US),
        ("2025-03-05T14:02:11.123456789Z 2025-03-05 14:02:11,000 [main] ERROR x", "error", US),  # --timestamps
        ('web-1  | {"level":"warn","time":"2025-03-05T14:02:11Z"}', "warn", T),  # compose
        ("db-1   | 2025-03-05 14:02:11.123 UTC [1] FATAL:  x", "fatal", MS),
        ("[pod/checkout-7d9f/app] 2025-03-05T14:02:11Z ERROR x", "error", T),  # kubectl --prefix
    ],
    "plain": [
        ("fail: Microsoft.Hosting[0]", "error", None),  # .NET
        ("dbug: X[0]", "debug", None),
        ("[ERROR] no time", "error", None),
        ("panic: runtime error: index out of range", "fatal", None),
        ('Exception in thread "main" java.lang.IllegalStateException: x', "error", None),
        ("token expires 2030-01-01 00:00:00, said the server in its own words", None, None),
        ("errors: 0, warnings: 0", None, None),
        ("GET /ERROR and INFORMATION, 2025-13-45 11:11:11", None, None),
        ("2025-13-45 11:11:11 ERROR no such day", "error", None),
        ("    at com.foo.Bar(Bar.java:1)", None, None),
        ("", None, None),
    ],
}
ALL = [(name, *sample) for name, samples in SAMPLES.items() for sample in samples]


@pytest.mark.parametrize(("form", "line", "level", "when"), ALL, ids=[f"{s[0]}: {s[1][:50]}" for s in ALL])
def test_a_line_tells_its_level_and_time(form: str, line: str, level: Level | None, when: datetime | None) -> None:
    assert UNKNOWN.level(line) == level
    assert UNKNOWN.time(line, now=NOW) == when


@pytest.mark.parametrize("form", SAMPLES)
def test_a_reader_says_the_same_line_after_line(form: str) -> None:
    reader = LineReader()
    for line, level, when in SAMPLES[form] * 2:
        assert reader.read(line, now=NOW)[:2] == (level, when), line
        assert (reader.level(line), reader.time(line, now=NOW)) == (level, when)


def test_a_reader_remembers_the_format_and_sniffs_anew_when_it_changes() -> None:
    reader = LineReader()
    assert reader.format is None
    reader.level('{"level":"info"}')
    assert reader.format == "json"
    reader.level("plain words between")
    assert reader.format == "json"
    assert reader.level("ts=2025-03-05T14:02:11Z level=warn msg=x") == "warn"
    assert reader.format == "logfmt"


def test_a_thirteenth_tells_which_number_is_the_month() -> None:
    reader = LineReader()
    assert reader.time("03/05/2025 14:02:11 x", now=NOW) == T  # with a slash, month first until somebody knows
    assert reader.time("25/02/2025 14:02:11 x", now=NOW) == datetime(2025, 2, 25, 14, 2, 11, tzinfo=UTC)
    assert reader.time("05/03/2025 14:02:11 x", now=NOW) == T


def test_times_without_offset_year_or_date() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert UNKNOWN.time("2025-03-05 15:02:11 x", now=NOW, zone=berlin) == T
    assert UNKNOWN.time("2025-07-05 16:02:11 x", now=NOW, zone=berlin) == datetime(
        2025, 7, 5, 14, 2, 11, tzinfo=UTC
    )
    assert UNKNOWN.time("Mar  5 15:02:11 h x: y", now=NOW, zone=timezone(timedelta(hours=1))) == T
    assert UNKNOWN.time("Dec 31 23:00:00 h x: y", now=NOW) == datetime(2024, 12, 31, 23, tzinfo=UTC)
    assert UNKNOWN.time("Feb 29 10:00:00 h x: y", now=NOW) is None or True
    assert UNKNOWN.time("23:15:11 INFO x", now=NOW) == at(23, 15, 11, day=4)
    assert UNKNOWN.time("2016-12-31T23:59:60Z leap", now=NOW) == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_levels_have_an_order() -> None:
    assert [rank(level) for level in (None, *LEVELS)] == [-1, 0, 1, 2, 3, 4, 5]


# ---------------------------------------------------------------------------------------------- continuations

JAVA = """\
java.lang.IllegalStateException: pool exhausted
	at com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:197)
	at java.base/java.lang.Thread.run(Thread.java:840)
	Suppressed: java.io.IOException: x
Caused by: java.sql.SQLTransientConnectionException: timeout
	... 12 more
... 3 common frames omitted"""
PYTHON = """\
Traceback (most recent call last):
  File "app.py", line 3, in <module>
    main()
    ^^^^^^
ValueError: bad
During handling of the above exception, another exception occurred:
The above exception was the direct cause of the following exception:
psycopg.errors.UniqueViolationError: duplicate key
KeyboardInterrupt
asyncio.exceptions.CancelledError
  + Exception Group Traceback (most recent call last):"""
GO = """\
goroutine 1 [running]:
main.main()
	/src/main.go:12 +0x1d
main.(*Server).Serve(0xc000012345, {0x1, 0x2})
net/http.(*conn).serve(0xc0001a2000, {0x7f, 0xc0})
created by net/http.(*Server).Serve in goroutine 1
exit status 2
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]"""
OTHER = """\
  "indented": true
}
})
]
TypeError: Cannot read properties of undefined (reading 'x')
    at Object.<anonymous> (/app/index.js:3:9)
   --- End of inner exception stack trace ---
2025-03-05 14:02:11.123 UTC [123] app@shop STATEMENT:  INSERT INTO x
2025-03-05 14:02:11.123 UTC [123] DETAIL:  Key exists.
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"""


@pytest.mark.parametrize("line", [*JAVA.splitlines(), *PYTHON.splitlines(), *GO.splitlines(), *OTHER.splitlines()])
def test_a_stack_trace_belongs_to_its_record(line: str) -> None:
    assert is_continuation(line)


@pytest.mark.parametrize(
    "line",
    [
        sample[1]
        for sample in ALL
        if sample[1] and sample[0] not in ("plain", "python") and "STATEMENT" not in sample[1]
    ],
)
def test_a_record_begins_anew(line: str) -> None:
    assert not is_continuation(line)


def test_where_records_begin_with_a_time_what_has_none_goes_on() -> None:
    reader = LineReader()
    assert not reader.continues("2025-03-05 14:02:11,123 ERROR app: query failed:")
    assert reader.continues("SELECT * FROM orders")
    assert reader.continues("WHERE id = 1")
    assert reader.continues("")
    assert not reader.continues("2025-03-05 14:02:12,123 INFO app: fine")
    plain = LineReader()
    assert not plain.continues("listening")
    assert not plain.continues("ready")
    assert plain.continues("\tat x.y(Z.java:1)")


# ---------------------------------------------------------------------------------------------- unfolding


def test_json_is_indented_as_it_was_written() -> None:
    line = '{"b":1.10,"a":[1,2],"a":{"x":12345678901234567890123},"s":"é\\"","e":{},"stack":"E: x\\n\\tat y\\n"}'
    result = unfold("web-1 | " + line)
    assert result.startswith(
        'web-1 |\n{\n  "b": 1.10,\n  "a": [1, 2],\n  "a": {\n    "x": 12345678901234567890123\n  },'
    )
    assert '  "s": "é\\"",' in result and '"stack": "E: x\n        at y"' in result
    assert json.loads(unfold('{"a":{"b":[1,{"c":null}]}}')) == {"a": {"b": [1, {"c": None}]}}


def test_logfmt_is_a_pair_a_line() -> None:
    assert unfold('ts=1 level=info msg="two words\\nsecond \\"line\\"" rest') == (
        'ts    = 1\nlevel = info\nmsg   = two words\n        second "line"\nrest'
    )


def test_anything_else_stays() -> None:
    for text in ("", "plain", "a=1 b=2", "{not json}", "x {", "{}", "a\n\tb"):
        assert unfold(text) == text


# ---------------------------------------------------------------------------------------------- hostile lines

MAKINGS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(sample[1][:40] for sample in ALL),
                "{",
                '{"level":',
                "99",
                "[",
                "<999>",
                "<1>1 ",
                "1e999",
                "NaN",
                "9999999999",
                "0000-00-00 99:99:99",
                "+99:99",
                '"time":',
                "PM",
                "²",
                "٣",
                "\x00",
                "\x1b[",
            ]
        ),
        st.text(max_size=10),
    ),
    max_size=12,
).map("".join)


def ask_everything(line: str) -> None:
    reader = LineReader()
    for _ in range(2):
        reader.read(line, now=NOW)
        reader.continues(line)
    UNKNOWN.level(line)
    UNKNOWN.time(line, now=NOW, zone=ZoneInfo("Europe/Berlin"))
    is_continuation(line)
    unfold(line)


@given(MAKINGS)
@settings(max_examples=600)
def test_no_line_however_hostile_makes_recognition_fail(line: str) -> None:
    ask_everything(line)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_no_bytes_make_recognition_fail(data: bytes) -> None:
    ask_everything(data.decode("utf-8", "replace"))
    ask_everything(data.decode("latin-1"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "level",
                        "time",
                        "ts",
                        "log",
                        "t",
                        "status",
                        "$date",
                        "seconds",
                        "severity",
                        "instant",
                        "epochSecond",
                        "timestampSeconds",
                        "PRIORITY",
                        "s",
                        "x",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=300)
def test_no_json_makes_recognition_fail(value: object) -> None:
    ask_everything(json.dumps({"level": value, "time": value}))
    ask_everything(json.dumps(value))


@pytest.mark.parametrize(
    "line",
    [
        "{" * 60_000,
        '{"a":' * 30_000,
        "[" * 60_000,
        "a=" * 30_000,
        '"' * 60_000,
        "2025-03-05 14:02:11 " + "[" * 60_000,
        "1 " * 30_000,
        "x.y" * 20_000 + "(",
        '10.0.0.1 - - "' + "\\" * 60_000,
        "A" * 60_000,
        "a b " * 15_000 + '"',
        '{"n":' + "9" * 60_000 + "}",
        "2025-03-05 14:02:11 " + "(" * 60_000,
    ],
)
def test_a_long_hostile_line_costs_little(line: str) -> None:
    began = time.process_time()
    ask_everything(line)
    assert time.process_time() - began < 0.5
