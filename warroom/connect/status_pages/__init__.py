"""What all status pages share: an update as its readers see it, components by service and severity.

Each page is a module beside this one; they do not import each other. A page is a chat backend for customers: the
first post of an incident opens an incident there, later ones are updates of it. It is recognised by the incident's
``reference``, which is its channel's id here; nothing is made there before the first post.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from warroom.connect.chat import neutralize_markup
from warroom.connect.http import HttpClient, HttpRejected
from warroom.connect.outcome import DeliveryClient
from warroom.incident.delivery import Audience, Channel, Message, Opening, Receipt
from warroom.safety import sanitize

PageStatus = Literal["investigating", "monitoring", "resolved"]
"""How far an incident has come, for its readers."""

ComponentStatus = Literal["operational", "degraded_performance", "partial_outage", "major_outage"]
COMPONENT_STATUSES: tuple[ComponentStatus, ...] = (
    "operational",
    "degraded_performance",
    "partial_outage",
    "major_outage",
)
"""From the best to the worst."""

BY_SEVERITY: Mapping[str, ComponentStatus] = {"critical": "major_outage", "high": "partial_outage"}
"""The status of a component at these severities; at every other it is degraded."""

EVERY_OTHER = "*"
"""Stands, among the services, for those that are not named."""

LONGEST_NAME = 255
"""Characters of an incident's name; Statuspage and Cachet take no more."""

_STAGE = re.compile(r"^(DRILL · )?(?:Update|Resolved) - ")
_STATUSES: Mapping[str, PageStatus] = {"mitigated": "monitoring", "resolved": "resolved", "closed": "resolved"}
_SALUTATION = re.compile(r".*,\s*")
_SIGNATURE = re.compile(r"[^\n\d:]*[^\n\d:.!?]")
_LONGEST_SIGNATURE = 80


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Ids = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_listed)]
"""One id, or a list of them."""


class StatusPageOptions(BaseModel):
    """What the options of all status pages have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    components: dict[str, Ids] = Field(default_factory=dict)
    """The ids of the components that show a service's state, by the service's name:
    { checkout-api = "rb5wq1dczvbm" }, or a list of ids. "*" means every service that is not named."""
    component_status: dict[str, ComponentStatus] = Field(default_factory=dict)
    """What a component shows, by the incident's severity: { low = "operational" }. Without it critical is
    "major_outage", high "partial_outage", any other "degraded_performance"."""
    notify: bool = True
    """Whether the page tells its subscribers of each update."""

    def ids_of(self, service: str) -> tuple[str, ...]:
        """The ids of a service's components; case does not matter."""
        by_name = {name.casefold(): ids for name, ids in self.components.items()}
        return by_name.get(service.casefold(), self.components.get(EVERY_OTHER, ()))


class NumberedComponents(StatusPageOptions):
    """The options of a page whose components have numbers."""

    @field_validator("components")
    @classmethod
    def _numbers(cls, components: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if not all(id.isascii() and id.isdecimal() for ids in components.values() for id in ids):
            raise ValueError('a component is named by its number: { checkout-api = "3" }')
        return components


@dataclass(frozen=True, slots=True)
class PageUpdate:
    """A customers' message as a status page shows it."""

    name: str
    """The name of the incident there: the same in all of its updates."""
    text: str
    status: PageStatus
    component: ComponentStatus
    """What the components show from now on."""
    ids: tuple[str, ...]
    """The components' ids."""


def page_update(message: Message, options: StatusPageOptions) -> PageUpdate:
    """What a message becomes. Components are operational once it is resolved, at most degraded once mitigated."""
    status = _STATUSES.get(message.status, "investigating")
    component = options.component_status.get(
        message.severity, BY_SEVERITY.get(message.severity, "degraded_performance")
    )
    if status == "resolved":
        component = "operational"
    elif status == "monitoring" and component != "operational":
        component = "degraded_performance"
    title = neutralize_markup(sanitize(message.title, newlines=False)).strip()
    name = _STAGE.sub(r"\1", title)[:LONGEST_NAME] or "Incident"
    text = neutralize_markup(sanitize(letter_body(message.text, message.title))) or name
    return PageUpdate(name, text, status, component, options.ids_of(message.service))


def letter_body(text: str, title: str) -> str:
    """The text without its title, and without the salutation and the signature if it is a letter.

    A letter begins with a line of its own that ends in a comma. Its signature is a short last line of its own, no
    sentence and without a colon or a digit.
    """
    first, _, rest = text.strip().partition("\n")
    body = rest.strip() if first.strip() == title.strip() else text.strip()
    paragraphs = re.split(r"\n\s*\n", body)
    if len(paragraphs) > 1 and _SALUTATION.fullmatch(paragraphs[0]):
        del paragraphs[0]
        last = paragraphs[-1].strip()
        if len(paragraphs) > 1 and len(last) <= _LONGEST_SIGNATURE and _SIGNATURE.fullmatch(last):
            del paragraphs[-1]
    return "\n\n".join(paragraphs).strip()


def describe_components(http: HttpClient, options: StatusPageOptions, there: Mapping[str, str]) -> str:
    """Say how many components are set; ``there`` are the page's, by id with their names.

    Raises ``HttpRejected`` if the settings name one that the page does not have.
    """
    listed = ", ".join(f"{name} = {id}" for id, name in there.items())
    known = http.clean(f"The page has {listed}" if listed else "The page has none", 400)
    wanted = dict.fromkeys(id for ids in options.components.values() for id in ids)
    unknown = next((id for id in wanted if id not in there), "")
    if unknown:
        title = f"{http.service} has no component {http.clean(unknown, 60)}"
        raise HttpRejected(title, f"Correct components. {known}.")
    if not wanted:
        return f"no components set. {known}"
    return f"{len(wanted)} component{'s' if len(wanted) != 1 else ''} set"


def digest(text: str) -> str:
    """Stands for a delivery's key or a text where outsiders may see it."""
    return sha256(text.encode()).hexdigest()[:12]


class StatusPage:
    """What the backends have in common as a ``Chat``."""

    audiences: ClassVar[tuple[Audience, ...]] = ("customers",)
    takes_maintenance = False
    dedupes = False
    reports_sending = True
    status_words: ClassVar[Mapping[PageStatus, str]] = {
        "investigating": "Investigating",
        "monitoring": "Monitoring",
        "resolved": "Resolved",
    }
    """What the page calls each status; empty for one that has none."""

    def __init__(self, options: StatusPageOptions, http: DeliveryClient) -> None:
        self._shared = options
        self._http = http

    def render(self, message: Message) -> str:
        """What the page will show: the incident's name, its status and its components, then the text."""
        update = page_update(message, self._shared)
        facts = [self.status_words.get(update.status, "")]
        if update.ids:
            facts.append(f"{', '.join(update.ids)}: {self.component_word(update)}")
        facts.append("subscribers are notified" if self._shared.notify else "subscribers are not notified")
        shown = " · ".join(filter(None, facts))
        return f"{self.incident_name(update, message.reference)}\n{shown}\n\n{update.text}"

    def incident_name(self, update: PageUpdate, reference: str) -> str:
        """The name that the incident gets there."""
        return update.name

    def component_word(self, update: PageUpdate) -> str:
        """What the components show, in the page's own word."""
        return update.component.replace("_", " ")

    def measure(self, message: Message) -> int:
        """The length of the text alone: that is what the page limits."""
        return len(page_update(message, self._shared).text)

    async def open(self, opening: Opening, key: str) -> Channel:
        """Nothing: the first post opens the incident there, and the reference finds it again."""
        return Channel(id=opening.reference or opening.name, name="status page", talk=False)

    async def show_status(self, channel: Channel, message: Message, previous: Receipt | None, key: str) -> Receipt:
        """Nothing: the page's own status follows its updates."""
        return Receipt()

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()
