"""Log services: one file a vendor. What they share: how an answer is read."""

from __future__ import annotations

from warroom.connect.alerts import PollClient


class LogClient(PollClient):
    """A ``PollClient`` whose errors speak of logs."""

    reads = "logs"
