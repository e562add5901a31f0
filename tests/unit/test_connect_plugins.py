"""Chat backends are found by entry points, a stranger's like our own, and a broken one is said by name."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from harness import readme
from pydantic import BaseModel

from warroom import bootstrap as wiring
from warroom import diagnostics
from warroom.cli.context import CliContext
from warroom.cli.main import run
from warroom.config.paths import AppPaths
from warroom.config.settings import Destination
from warroom.connect import plugins
from warroom.connect.plugins import CHAT
from warroom.connect.ports import Chat
from warroom.errors import NotSent, SettingsError, Unconfirmed, WarroomError
from warroom.incident.delivery import Channel, Message, Opening

OURS = set(readme.OURS)


class NoOptions:
    """Not a backend."""


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path in which packages can be registered."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def register(folder: Path, package: str, line: str, code: str = "") -> None:
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[warroom.chat]\n{line}\n")
    if code:
        (folder / f"{package}.py").write_text(code)


def test_our_own_are_registered_the_way_a_strangers_are() -> None:
    assert set(plugins.names(CHAT)) >= OURS
    loaded, broken = plugins.load_all(CHAT)
    assert not broken
    assert set(loaded) >= OURS
    for name in OURS:
        assert issubclass(loaded[name].options, BaseModel)
        assert Chat.__name__ == "Chat" and callable(loaded[name].build)


def test_loading_one_imports_that_one_alone() -> None:
    code = (
        "import sys; from warroom.connect.plugins import CHAT, load; load(CHAT, 'transcript');"
        "print(sorted(m for m in sys.modules if m.startswith('warroom.connect.chat.') or m in ('httpx', 'jinja2')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['warroom.connect.chat.transcript']"


def test_an_unknown_name_names_what_there_is() -> None:
    with pytest.raises(SettingsError) as info:
        plugins.load(CHAT, "slak")
    assert '"slak"' in info.value.title
    assert all(name in info.value.remedy for name in OURS)


def test_a_strangers_backend_loads(strangers: Path) -> None:
    code = "from pydantic import BaseModel\nclass Pager:\n    class Options(BaseModel): pass\n"
    register(strangers, "pagerpigeon", "pigeon = pagerpigeon:Pager", code)
    assert "pigeon" in plugins.names(CHAT)
    assert plugins.load(CHAT, "pigeon").build.__name__ == "Pager"


@pytest.mark.parametrize(
    ("code", "wording"),
    [
        ("raise RuntimeError('no feathers')", "RuntimeError: no feathers"),
        ("import a_module_nobody_has", "ModuleNotFoundError"),
        ("x = 1", "AttributeError"),
        ("class Stop(BaseException): pass\nraise Stop('now')", "Stop: now"),
        ("import asyncio\nraise asyncio.CancelledError", "CancelledError"),
        (
            "class Odd(type):\n  def __getattr__(c, n): raise OSError('odd')\nclass Pager(metaclass=Odd): pass",
            "OSError",
        ),
        ("class Pager: pass", "no Options"),
        ("Pager = 7", "no Options"),
    ],
)
def test_a_broken_plugin_is_said_by_name_and_costs_itself_alone(strangers: Path, code: str, wording: str) -> None:
    package = f"brokenpigeon{abs(hash(code))}"
    register(strangers, package, f"pigeon = {package}:Pager", code)
    with pytest.raises(SettingsError) as info:
        plugins.load(CHAT, "pigeon")
    assert '"pigeon"' in info.value.title and wording in info.value.title
    assert package in info.value.remedy
    loaded, broken = plugins.load_all(CHAT)
    assert set(loaded) >= OURS
    assert [error.title for error in broken] == [info.value.title]


def test_a_name_two_packages_claim_is_refused_with_both(strangers: Path) -> None:
    register(strangers, "slackpigeon", "slack = slackpigeon:Pager", "x = 1")
    with pytest.raises(SettingsError) as info:
        plugins.load(CHAT, "slack")
    assert "slackpigeon" in info.value.title and "warroom" in info.value.title


# A plugin's own faults

FAULTY = """
import asyncio
from pydantic import BaseModel, SecretStr, field_validator
from warroom.incident.delivery import Channel, Receipt
class Stop(BaseException): pass
class Unsayable(Exception):
    def __str__(self): raise RuntimeError("not even this")
def fail(where):
    if where == FAULT: raise RAISED
class Pager:
    class Options(BaseModel):
        token: SecretStr
        @field_validator("token")
        @classmethod
        def check_token(cls, value):
            fail("Options")
            return value
    dedupes = reads_back = True
    max_length = 100
    def __init__(self, options):
        self.token = options.token.get_secret_value()
        fail("constructor")
    def render(self, message):
        fail("render")
        return message.text
    async def open(self, opening, key):
        fail("open")
        return Channel(id="c", url="https://user:" + self.token + "@pager.test/")
    async def post(self, channel, message, key):
        fail("post")
        return Receipt(id=self.token, url="javascript:alert(1)")
    async def show_status(self, channel, message, previous, key):
        fail("show_status")
        return Receipt()
    async def find(self, channel, key):
        fail("find")
    async def check(self):
        fail("check")
        return "I am " + self.token + chr(27) + "[31m"
    async def close(self):
        fail("close")
"""

RAISED = (
    'ValueError("s3cr3t-t0ken")',
    'Stop("s3cr3t-t0ken")',
    "asyncio.CancelledError()",
    "Unsayable()",
    "KeyError(7)",
)

MESSAGE = Message(
    kind="update",
    audience="team",
    incident="INC-1",
    severity="high",
    status="investigating",
    title="t",
    text="t",
    marker="m",
    at=datetime(2026, 1, 1, tzinfo=UTC),
)
OPENING = Opening(incident="INC-1", name="inc-1", title="t", topic="t")
HERE = Channel(id="c")

CALLS: dict[str, Callable[[Chat], object]] = {
    "render": lambda chat: chat.render(MESSAGE),
    "open": lambda chat: asyncio.run(chat.open(OPENING, "k")),  # type: ignore[arg-type]
    "post": lambda chat: asyncio.run(chat.post(HERE, MESSAGE, "k")),  # type: ignore[arg-type]
    "show_status": lambda chat: asyncio.run(chat.show_status(HERE, MESSAGE, None, "k")),  # type: ignore[arg-type]
    "find": lambda chat: asyncio.run(chat.find(HERE, "k")),  # type: ignore[arg-type]
    "check": lambda chat: asyncio.run(chat.check()),  # type: ignore[arg-type]
    "close": lambda chat: asyncio.run(chat.close()),  # type: ignore[arg-type]
}


def pager(strangers: Path, fault: str = "", raised: str = "None") -> str:
    """The name of a backend with that fault, registered."""
    package = f"faultypigeon{abs(hash((fault, raised)))}"
    register(
        strangers, package, f"{package} = {package}:Pager", f"FAULT = {fault!r}\n{FAULTY}".replace("RAISED", raised)
    )
    return package


def made(name: str, folder: Path) -> Chat:
    places = AppPaths.find({"WARROOM_DATA": str(folder)})
    destination = Destination.model_validate({"name": "pager", "backend": name, "token": {"env": "TOKEN"}})
    return wiring.make_chat(destination, places, {"TOKEN": "s3cr3t-t0ken"})


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("fault", [*CALLS, "Options", "constructor"])
def test_whatever_a_plugin_raises_is_an_error_of_ours(strangers: Path, fault: str, raised: str) -> None:
    name = pager(strangers, fault, raised)
    if fault in ("Options", "constructor"):
        with pytest.raises(SettingsError) as info:
            made(name, strangers)
        assert "[destinations.pager]" in info.value.place
        assert "s3cr3t" not in str(info.value)
        return
    chat = made(name, strangers)
    for call, do in CALLS.items():
        if call != fault or call == "close":
            do(chat)
            continue
        with pytest.raises(WarroomError) as caught:
            do(chat)
        # What may have been sent is not known; looking and drawing send nothing.
        assert isinstance(caught.value, Unconfirmed) is (call not in ("render", "check"))
        assert "pager crashed: " in caught.value.title
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None, "a plugin's exception may hold a secret"


def test_a_plugins_own_word_on_an_outcome_stands(strangers: Path) -> None:
    raised = '__import__("warroom.errors").errors.NotSent("bad s3cr3t-t0ken", retry_after=7)'
    chat = made(pager(strangers, "post", raised), strangers)
    with pytest.raises(NotSent) as info:
        CALLS["post"](chat)
    assert (info.value.title, info.value.retry_after) == ("bad ‹redacted›", 7)


def test_what_a_plugin_gives_is_bounded_and_without_its_secret(strangers: Path) -> None:
    chat = made(pager(strangers), strangers)
    assert CALLS["check"](chat) == "I am ‹redacted›␛[31m"
    channel, receipt = CALLS["open"](chat), CALLS["post"](chat)
    assert isinstance(channel, Channel)
    assert (channel.id, channel.url) == ("c", "")
    assert (receipt.id, receipt.url) == ("‹redacted›", "")  # type: ignore[attr-defined]


def test_an_interrupt_and_a_cancellation_pass_through_a_plugin(strangers: Path) -> None:
    chat = made(pager(strangers, "post", "KeyboardInterrupt()"), strangers)
    with pytest.raises(KeyboardInterrupt):
        CALLS["post"](chat)
    waiting = made(pager(strangers, "check", "SystemExit(143)"), strangers)
    with pytest.raises(SystemExit):
        CALLS["check"](waiting)

    async def cancelled() -> bool:
        class Slow:
            dedupes = reads_back = True
            max_length = 1

            async def check(self) -> str:
                await asyncio.Event().wait()
                return ""

        from warroom.connect.guarded_chat import GuardedChat
        from warroom.connect.secret_mask import SecretMask

        task = asyncio.create_task(GuardedChat("slow", Slow(), SecretMask([])).check())  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(cancelled())


def test_a_plugin_that_blocks_holds_up_only_itself(strangers: Path) -> None:
    code = FAULTY.replace('fail("post")', "blocking.wait()").replace(
        "import asyncio\n", "import asyncio, threading\nblocking = threading.Event()\n", 1
    )
    register(strangers, "blockingpigeon", "blockingpigeon = blockingpigeon:Pager", f"FAULT = ''\n{code}")
    chat = made("blockingpigeon", strangers)

    async def beside() -> str:
        post = asyncio.create_task(chat.post(HERE, MESSAGE, "k"))
        await asyncio.sleep(0)
        checked = await made(pager(strangers), strangers).check()
        assert not post.done()
        sys.modules["blockingpigeon"].blocking.set()
        await post
        await chat.close()
        return checked

    assert asyncio.run(beside()).startswith("I am ")


def test_a_push_is_forwarded_from_our_own_backends_and_asked_of_no_others() -> None:
    from harness.fakes import PushingChat

    from warroom.connect.guarded_chat import GuardedChat
    from warroom.connect.secret_mask import SecretMask

    async def yielded(*wakes: str | Exception | None) -> list[str]:
        chat = PushingChat()
        for one in wakes:
            chat.wakes.put_nowait(one)
        return [channel async for channel in GuardedChat("chat", chat, SecretMask(["planted-secret"])).wake()]

    assert asyncio.run(yielded("", "C1", "planted-secret", None)) == ["", "C1", "‹redacted›"]
    for raised, kind in ((RuntimeError("planted-secret"), WarroomError), (NotSent("planted-secret"), NotSent)):
        with pytest.raises(kind) as info:
            asyncio.run(yielded(raised))
        assert "planted-secret" not in str(info.value)
    assert GuardedChat("chat", PushingChat(), SecretMask([]), "warroom").promises.pushes
    assert not GuardedChat("chat", PushingChat(), SecretMask([]), "pagerpigeon").promises.pushes


def test_the_traceback_of_a_plugin_is_in_the_diagnostic_log_without_its_secret(
    strangers: Path, tmp_path: Path
) -> None:
    diagnostics.keep_log(tmp_path / "data")
    name = pager(strangers, "check", 'ValueError("s3cr3t-t0ken")')
    with pytest.raises(WarroomError) as raised:
        CALLS["check"](made(name, strangers))
    assert name in raised.value.remedy, "the package is named"
    log = tmp_path / "data" / diagnostics.LOG
    text = log.read_text()
    assert name in text and 'fail("check")' in text and "ValueError" in text
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("raised", ['ValueError("x")', pytest.param('Stop("x")', marks=pytest.mark.nightly)])
@pytest.mark.parametrize("fault", [*CALLS, "Options", "constructor"])
def test_a_broken_plugin_neither_stops_declare_nor_hides_what_doctor_found(
    strangers: Path, tmp_path: Path, fault: str, raised: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        f'[destinations.pager]\nbackend = "{pager(strangers, fault, raised)}"\ntoken = {{ env = "TOKEN" }}\n'
        '[destinations.file]\nbackend = "transcript"\n'
    )
    environ = {
        **os.environ,
        "WARROOM_SETTINGS": str(file),
        "WARROOM_DATA": str(tmp_path / "data"),
        "WARROOM_AS": "Bob",
        "TOKEN": "s3cr3t-t0ken",
    }

    def result(*arguments: str) -> tuple[int, str]:
        with CliRunner().isolation() as (out, err, _):
            status = run(arguments, CliContext(environ=environ))
        return status, out.getvalue().decode() + err.getvalue().decode()

    status, declared = result("declare", "api", "down", "--wait", "3s")
    assert status == 0 and "INC-1" in declared and "✓ file" in declared
    status, found = result("doctor")
    assert status == {"check": 1, "Options": 3, "constructor": 3}.get(fault, 0), found
    assert ", OK" in found and "file" in found and "theme" not in found
    assert "s3cr3t" not in declared + found
    assert result("update", "--preview")[0] == 0
