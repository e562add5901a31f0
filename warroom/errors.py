"""Everything that can go wrong in words a person can act on; never a traceback, never a secret.

WarroomError              title + remedy; exit status 1
├── Refusal               a command the incident's state does not allow
│   ├── Conflict          somebody else wrote first; load again and decide again
│   └── JustPosted        somebody else has just posted to the same audience; ask whether to post as well
├── BadInput              what was typed cannot be read as what was asked for
├── NotFound              no such incident, person, role, item, entry
├── SettingsError         settings, playbook or theme: file, place, what is allowed; exit status 3
├── JournalError          the journal cannot be read or written
│   ├── NewerJournal      written by a newer warroom: refused, untouched
│   └── NotSaved          disk full, read-only, locked: the person still has what they typed
└── DeliveryError         a message did not go out, or nobody knows
    ├── NotSent           it certainly did not arrive: safe to try again
    ├── Rejected           the service said no: trying again is of no use
    └── Unconfirmed         it may have arrived: never tried again blindly
"""

from __future__ import annotations


class WarroomError(Exception):
    """An error meant for a person: ``title`` says what happened, ``remedy`` what to do about it."""

    exit_status = 1

    def __init__(self, title: str, remedy: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.remedy = remedy

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
    """The incident moved on between loading and appending."""


class JustPosted(Refusal):
    """Somebody else posted update ``number`` to the same audience moments ago; whoever has read it may post too."""

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
    """A message did not go out. ``retry_after`` is the service's own wish in seconds, if it gave one."""

    def __init__(self, title: str, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(title, remedy)
        self.retry_after = retry_after


class NotSent(DeliveryError):
    """The request certainly did not arrive, or was turned away for now."""


class Rejected(DeliveryError):
    """The service understood and said no."""


class Unconfirmed(DeliveryError):
    """The request may have arrived; its answer did not."""
