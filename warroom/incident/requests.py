"""What outside services are asked to do besides taking messages, as values: page people, keep a document, track an
action item, start a workflow. Sends nothing.

A request is made once (``RequestMade``, with an outbox item), and what came of it is recorded once
(``RequestAccepted``). Its text is sanitized and redacted.
"""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from warroom.incident.event_base import EventBase, Moment

RequestKind = Literal["page", "document", "issue", "workflow"]
REQUEST_KINDS: tuple[RequestKind, ...] = ("page", "document", "issue", "workflow")


class _Request(BaseModel):
    """``incident`` is the id of the incident; ``what`` says in a few words what is asked for."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    incident: str
    what: str


class Page(_Request):
    """Call people to the incident, or say that nobody has to be called any more.

    ``people`` are names of the settings. All pages of one incident are one alert at the service; ``change`` is what
    becomes of it. ``at`` is when the incident was declared: it tells incidents of one number apart.
    """

    kind: Literal["page"] = "page"
    change: Literal["trigger", "acknowledge", "resolve"] = "trigger"
    people: tuple[str, ...] = ()
    service: str
    severity: str
    title: str
    url: str = ""
    at: Moment


class Document(_Request):
    """Keep a document, or replace the one that was kept before: the post-mortem, in Markdown.

    ``at`` is when the incident was declared, ``day`` its ISO date in the team's zone. Of one incident the title is
    always the same. A ``public`` one is for customers; ``reference`` is what they know the incident by.
    """

    kind: Literal["document"] = "document"
    title: str
    markdown: str
    service: str = ""
    at: Moment
    day: str = ""
    public: bool = False
    reference: str = ""


class Issue(_Request):
    """Track an action item as an issue, or close its issue.

    ``action`` is the item's entry, by which the issue is recognised. ``known`` is the issue's own id there, "" if
    it is not known. ``owner`` is a name of the settings, ``assignee`` what the service calls that person, ``due``
    an ISO date in the team's zone. ``title`` and ``body`` are plain text.
    """

    kind: Literal["issue"] = "issue"
    action: UUID
    title: str
    body: str = ""
    owner: str = ""
    assignee: str = ""
    due: str = ""
    known: str = ""
    done: bool = False


class WorkflowRun(_Request):
    """Start a workflow of a repository. ``run`` identifies this run among all others.

    After ``deadline`` it is not started any more: who asked for it has acted otherwise by then.
    """

    kind: Literal["workflow"] = "workflow"
    run: UUID
    repository: str
    workflow: str
    ref: str = "main"
    inputs: dict[str, str] = Field(default_factory=dict)
    deadline: Moment | None = None


AnyRequest = Page | Document | Issue | WorkflowRun
Request = Annotated[AnyRequest, Field(discriminator="kind")]


class RequestMade(EventBase):
    """A service was asked to do something. ``service`` is its name in the settings; ``about`` is the entry it is
    about, if any."""

    kind: Literal["request"] = "request"
    request: RequestKind
    service: str
    what: str
    about: UUID | None = None

    @property
    def text(self) -> str:
        return f"{self.what} · {self.service}"


class RequestAccepted(EventBase):
    """A service did what it was asked to do. ``made`` is the entry of the ``RequestMade``.

    ``about`` as there. ``id`` is what the service calls the result, ``url`` where it is. ``public``: customers
    see it.
    """

    kind: Literal["request_accepted"] = "request_accepted"
    label: ClassVar[str] = "accepted"
    made: UUID
    request: RequestKind
    service: str
    what: str
    about: UUID | None = None
    id: str = ""
    url: str = ""
    public: bool = False

    @property
    def text(self) -> str:
        return f"{self.service}: {self.what}" + (f" {self.url}" if self.url else "")
