"""The errors a person is shown: what happened, and what to do. Never a traceback, never a secret.

WarroomError              title + remedy; exit status 1
├── Refusal               a command that the incident's state does not allow
│   ├── Conflict          someone else wrote first: load again and decide again
│   └── JustPosted        someone else has just posted to the same audience: ask whether to post too
├── BadInput              what was typed cannot be read
├── NotFound              no such incident, person, role, item, entry
├── SettingsError         settings, playbook or theme: file, place, what is allowed; exit status 3
├── JournalError          the journal cannot be read or written
│   ├── NewerJournal      written by a newer warroom: refused, untouched
│   └── NotSaved          disk full, read-only, locked: the person still has what they typed
└── DeliveryError         a message was not delivered, or it is not known whether it was
    ├── NotSent           it certainly did not arrive: safe to retry
    ├── Rejected          the service refused it: a retry would fail again
    └── Unconfirmed       it may have arrived: never retried blindly
"""

from __future__ import annotations

from typing import Self


class WarroomError(Exception):
    """An error for a person: ``title`` is what happened, ``remedy`` what to do about it."""

    exit_status = 1
    field = ""
    """The field of the command that is wrong, where it is one: a form puts the cursor there."""

    def __init__(self, title: str, remedy: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.remedy = remedy

    def about(self, field: str) -> Self:
        """This error, about that field of the command."""
        self.field = field
        return self

    def __str__(self) -> str:
        """Two lines that also read as two sentences where they are shown in one."""
        if not self.remedy:
            return self.title
        end = "" if self.title.rstrip().endswith((".", "?", "!", ":")) else "."
        return f"{self.title.rstrip()}{end}\n{self.remedy}"


class Refusal(WarroomError):
    """The incident's state does not allow the command; ``blockers`` lists every reason at once."""

    def __init__(self, title: str, remedy: str = "", blockers: tuple[str, ...] = ()) -> None:
        super().__init__(title, remedy)
        self.blockers = blockers


class Conflict(Refusal):
    """The incident changed between loading and appending."""


class JustPosted(Refusal):
    """Someone else posted update ``number`` to the same audience moments ago; whoever has read it may post too."""

    def __init__(self, title: str, remedy: str, number: int) -> None:
        super().__init__(title, remedy)
        self.number = number


class BadInput(WarroomError):
    """What was typed cannot be read."""


class NotFound(WarroomError):
    """What was named does not exist."""


class SettingsError(WarroomError):
    """A settings, playbook or theme file is wrong.

    ``place`` names the file, line, table and key as far as they are known.
    """

    exit_status = 3

    def __init__(self, title: str, remedy: str = "", place: str = "") -> None:
        super().__init__(f"{place}: {title}" if place else title, remedy)
        self.place = place


class JournalError(WarroomError):
    """The journal cannot be read or written."""


class NewerJournal(JournalError):
    """The journal was written by a newer version and has been left untouched."""


class NotSaved(JournalError):
    """An append did not happen; nothing of it was kept."""


class DeliveryError(WarroomError):
    """A message was not delivered, or it is not known whether it was.

    ``retry_after`` is the pause the service asks for, in seconds.
    """

    def __init__(self, title: str, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(title, remedy)
        self.retry_after = retry_after


class NotSent(DeliveryError):
    """The request certainly did not arrive, or the service asked for a pause."""


class Rejected(DeliveryError):
    """The service understood the request and refused it."""


class Unconfirmed(DeliveryError):
    """The request may have arrived; its answer did not."""
