"""Issues at GitHub, judged by its contract: opened once, closed, read; text from outside calls nobody."""

from __future__ import annotations

import json
import re
from uuid import UUID

import httpx
import pytest
from harness import servers
from harness.github import REPOSITORY, Repository
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from warroom.connect.trackers.github import GitHubIssueOptions, GitHubIssues, _body, _title
from warroom.errors import NotSent, Rejected, Unconfirmed
from warroom.incident.requests import Issue

pytestmark = [servers.needs_contracts, pytest.mark.anyio]
anyio_backend = servers.anyio_backend
TOKEN = "plantedsecret-0123456789abcdef"
ACTION = UUID("018f0000-0000-7000-8000-000000000001")


def tracker(repository: Repository, **options: str) -> GitHubIssues:
    made = GitHubIssueOptions(token=SecretStr(TOKEN), repository=REPOSITORY, **options)  # type: ignore[arg-type]
    return GitHubIssues(made, transport=servers.judged("github", repository))


def issue(number: int = 1, **fields: object) -> Issue:
    begin = {"incident": "INC-7", "what": "open an issue for A1", "action": UUID(int=ACTION.int + number)}
    return Issue.model_validate({**begin, "title": "Alert on pool use", "body": "Owner: Bob", **fields})


async def test_an_action_item_is_opened_once_however_often_it_is_asked_for() -> None:
    there = Repository()
    github = tracker(there)
    first = await github.send(issue(), "key")
    assert (first.id, first.url) == ("1", f"https://github.com/{REPOSITORY}/issues/1")
    assert await github.send(issue(), "key") == first
    assert await github.find(issue(), "key") == first
    assert (await github.send(issue(2), "other")).id == "2"
    assert [one["title"] for one in there.issues] == ["Alert on pool use"] * 2
    assert there.issues[0]["labels"] == ["warroom"]


async def test_an_issue_whose_answer_was_lost_is_found_again() -> None:
    there = Repository()
    there.after = lambda request: httpx.Response(502) if request.method == "POST" else None
    github = tracker(there)
    with pytest.raises(Unconfirmed):
        await github.send(issue(), "key")
    found = await github.find(issue(), "key")
    assert found is not None and found.id == "1"
    assert await github.find(issue(2), "key") is None


async def test_the_owner_is_assigned_and_one_who_cannot_be_does_not_stop_the_issue() -> None:
    there = Repository()
    github = tracker(there)
    await github.send(issue(1, assignee="@octocat"), "a")
    await github.send(issue(2, assignee="nobody"), "b")
    assert there.issues[0]["assignees"] == ["octocat"]
    assert "assignees" not in there.issues[1] and "Owner: Bob" in there.issues[1]["body"]


async def test_an_item_that_is_done_closes_its_issue_known_or_not() -> None:
    there = Repository()
    github = tracker(there)
    for number in (1, 2):
        await github.send(issue(number), "key")
    closing = issue(1, known="1", done=True)
    assert await github.find(closing, "key") is None, "it is not closed yet"
    await github.send(closing, "key")
    await github.send(issue(2, done=True), "key")
    assert [(one["state"], one["state_reason"]) for one in there.issues] == [("closed", "completed")] * 2
    count = len(there.requests)
    await github.send(closing, "key")
    assert [one.method for one in there.requests[count:]] == ["GET"], "closed already"
    assert (await github.send(issue(3, done=True), "key")).id == "", "never opened: nothing to close"


async def test_states_are_read_a_hundred_at_once_and_one_by_one_where_the_label_is_gone() -> None:
    there = Repository()
    github = tracker(there)
    for number in range(1, 4):
        await github.send(issue(number), "key")
    there.issues[0]["state"], there.issues[2]["labels"], there.issues[2]["state"] = "closed", [], "closed"
    there.requests.clear()
    assert await github.states(["1", "2"]) == {"1": True, "2": False}
    assert len(there.requests) == 1
    assert await github.states(["1", "2", "3", "99"]) == {"1": True, "2": False, "3": True}, "99 was deleted"


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (403, {"retry-after": "7"}, 7.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, 0.0),
        (429, {}, 60.0),
    ],
)
async def test_a_rate_limit_is_no_refusal(status: int, headers: dict[str, str], wait: float) -> None:
    there = Repository(before=lambda _: httpx.Response(status, headers=headers, json={"message": "slow down"}))
    with pytest.raises(NotSent) as error:
        await tracker(there).send(issue(), "key")
    assert error.value.retry_after == wait


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_refusal_is_one_and_holds_no_secret(status: int) -> None:
    there = Repository(before=lambda _: httpx.Response(status, json={"message": f"no {TOKEN}"}))
    with pytest.raises(Rejected) as error:
        await tracker(there).send(issue(), "key")
    assert TOKEN not in f"{error.value} {error.value.remedy}" and error.value.remedy


async def test_doctor_is_told_what_the_token_may_not_do() -> None:
    assert REPOSITORY in await tracker(Repository()).check()
    with pytest.raises(Rejected) as error:
        await tracker(Repository(permissions={"pull": True, "push": False})).check()
    assert "label" in error.value.title


@pytest.mark.parametrize("repository", ["acme", "acme/checkout/issues", "https://github.com/acme/checkout", "../x"])
def test_a_repository_is_named_by_owner_and_name(repository: str) -> None:
    with pytest.raises(ValidationError):
        GitHubIssueOptions(token=SecretStr(TOKEN), repository=repository)


HOSTILE = st.lists(
    st.sampled_from(
        [
            *("@everyone", "@acme/team", "#12", "GH-3", "<!--", "-->", "<script>", "```", "[x](javascript:a)", "a"),
            *(
                "\n",
                "# h",
                "https://x.example/#12",
                "warroom: action",
                str(ACTION),
                "]]>",
                "&lt;",
                "\u202e",
                "    c",
            ),
        ]
    ),
    max_size=12,
).map("".join)


@given(HOSTILE)
def test_text_from_outside_calls_nobody_and_forges_no_mark(text: str) -> None:
    body = _body(issue(body=text))
    written, _, mark = body.rpartition("\n\n<!-- ")
    assert mark.count("-->") == 1
    assert not re.search(r"(?<!\\)<", written), "a comment or tag"
    for line in (written, _title(text)):
        bare = re.sub(r"https?://\S+", "", line)
        assert not re.search(r"(?<![\w.+-])@\w", bare) and not re.search(r"#\d|\bGH-\d", bare)
    assert "\u202e" not in body
    assert not re.search(r"^ {4}", written, re.MULTILINE), "code"


async def test_every_request_names_the_version_and_keeps_the_token_to_its_header() -> None:
    there = Repository()
    await tracker(there).send(issue(), "key")
    for request in there.requests:
        assert request.headers["x-github-api-version"] and request.headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in str(request.url)
    assert json.loads(there.requests[-1].content)["labels"] == ["warroom"]
