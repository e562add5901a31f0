"""Pages through Apprise: Telegram, ntfy, SMS and what else it can send to, by an Apprise URL a person."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from warroom.connect.apprise_sender import AppriseSender
from warroom.connect.paging import summary
from warroom.errors import DeliveryError, Rejected, SettingsError, Unconfirmed
from warroom.incident.delivery import Receipt
from warroom.incident.requests import Page


class ApprisePagingOptions(BaseModel):
    """Options of pages through Apprise. appriseit.com/services shows how to write a URL, which is a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    urls: dict[str, SecretStr] = Field(default_factory=dict)
    """The Apprise URL of each person, by names of the team: `ntfys://ntfy.sh/alice-pages`."""
    url: SecretStr | None = None
    """An Apprise URL for those who have none of their own: a group that all of them read."""


class ApprisePaging:
    """A paging service through Apprise. It cannot tell whether a page arrived, and repeats none."""

    Options = ApprisePagingOptions
    dedupes = False
    reads_back = False
    reports_sending = True

    def __init__(self, options: ApprisePagingOptions) -> None:
        if not options.urls and options.url is None:
            raise SettingsError("is missing", "Give urls, an Apprise URL for each person, or one url.", "urls")
        self._people = {name: AppriseSender(url) for name, url in options.urls.items()}
        self._others = AppriseSender(options.url) if options.url is not None else None

    async def send(self, request: Page, key: str) -> Receipt:
        """Send to each of the people. ``Unconfirmed`` if some of them may have got it and others not."""
        senders = self._senders(request)
        text = _text(request)
        # Apprise blocks; one after the other, so that what is known about one is not lost by another's failure.
        failures = [await asyncio.to_thread(sender.notify, text) for sender in senders]
        failed = [failure for failure in failures if failure is not None]
        if failed and len(failed) < len(senders):
            words = f"{len(senders) - len(failed)} of {len(senders)} were paged; then: {failed[0].title}"
            raise Unconfirmed(words, "Call the others: warroom contacts.")
        if failed:
            raise _worst(failed)
        return Receipt()

    async def find(self, request: Page, key: str) -> Receipt | None:
        """Never certain: Apprise cannot read."""
        raise Unconfirmed("Apprise cannot look for a page", "Ask whether it arrived.")

    async def check(self) -> str:
        """The services alone: no request of Apprise sends nothing."""
        senders = [*self._people.values(), *([self._others] if self._others else [])]
        names = [(await asyncio.to_thread(sender.service)).service_name for sender in senders]
        return f"Apprise: pages through {', '.join(dict.fromkeys(map(str, names)))} (not tried)"

    async def close(self) -> None:
        """Nothing is open between two pages."""

    def _senders(self, page: Page) -> list[AppriseSender]:
        own = [self._people[name] for name in page.people if name in self._people]
        without = [name for name in page.people if name not in self._people]
        if without or not own:
            if self._others is None:
                who = ", ".join(without) or "anybody"
                raise Rejected(f"There is no Apprise URL for {who}", "Give it under urls, or url for all others.")
            own.append(self._others)
        return own


def _text(page: Page) -> str:
    if page.change != "trigger":
        done = "acknowledged" if page.change == "acknowledge" else "resolved"
        return f"{page.incident} {done}: nobody has to be called any more.\n{summary(page, 300)}"
    return "\n".join(filter(None, (summary(page, 300), page.what, page.url)))


def _worst(failures: list[DeliveryError]) -> DeliveryError:
    return next((one for one in failures if isinstance(one, Unconfirmed)), failures[0])
