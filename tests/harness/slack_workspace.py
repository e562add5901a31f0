"""A Slack workspace in memory, enough to connect to: give it to ``servers.serving``. No test."""

from __future__ import annotations

import json
from typing import Any

import httpx

TOKEN = "xoxb-plantedsecret-0123456789"
"""The app's token."""

ALL = (
    "chat:write,channels:manage,channels:read,channels:history,channels:join,pins:write,users:read,users:read.email"
)


class Workspace:
    """A Slack workspace with the channel #ops. ``scopes`` are the app's."""

    def __init__(self, scopes: str = ALL) -> None:
        self.scopes = scopes
        self.posts: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        method = request.url.path.rpartition("/")[2]
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return self._answer({"ok": False, "error": "invalid_auth"})
        if method == "auth.test":
            return self._answer(
                {"url": "https://acme.slack.com/", "team": "Acme", "user": "warroom", "user_id": "U1"}
            )
        if method == "conversations.list":
            return self._answer({"channels": [{"id": "C0123456789", "name": "ops"}]})
        if method == "chat.postMessage":
            sent = json.loads(request.content)
            self.posts.append({"ts": f"170000000{len(self.posts)}.000100", **sent})
            return self._answer({"ts": self.posts[-1]["ts"]})
        if method in ("conversations.history", "conversations.replies"):
            if "channels:history" not in self.scopes:
                return self._answer({"ok": False, "error": "missing_scope", "needed": "channels:history"})
            return self._answer({"messages": self.posts[::-1]})
        return self._answer({})

    def _answer(self, data: dict[str, Any]) -> httpx.Response:
        return httpx.Response(200, json={"ok": True, **data}, headers={"X-OAuth-Scopes": self.scopes})
