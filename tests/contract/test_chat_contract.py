"""Our own chat backends keep the contract that is shipped for the authors of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

from warroom.connect.chat.matrix import Matrix, MatrixOptions
from warroom.connect.chat.slack import Slack, SlackOptions
from warroom.connect.chat.transcript import Transcript, TranscriptOptions
from warroom.connect.chat.webhook import Webhook, WebhookOptions
from warroom.connect.ports import Chat
from warroom.testing import ChatContract, HttpChatContract

TOKEN = "plantedsecret-0123456789abcdef"


class TestSlack(HttpChatContract):
    accepted: ClassVar = {"ok": True, "ts": "1700000000.000100", "url": "https://team.slack.com/"}
    empty: ClassVar = {"ok": True, "messages": []}
    secrets = (TOKEN,)

    def make(self, transport: Any) -> Chat:
        return Slack(SlackOptions(token=SecretStr(TOKEN), channel="C0123456789"), transport=transport)


class TestMatrix(HttpChatContract):
    accepted: ClassVar = {"event_id": "$e"}
    empty: ClassVar = {"chunk": []}
    secrets = (TOKEN,)

    def make(self, transport: Any) -> Chat:
        options = {"homeserver": "https://m.test", "token": TOKEN}
        return Matrix(MatrixOptions.model_validate(options), transport=transport)


class TestWebhook(HttpChatContract):
    secrets = (TOKEN,)

    def make(self, transport: Any) -> Chat:
        return Webhook(WebhookOptions(url=SecretStr(f"https://hooks.test/{TOKEN}")), transport=transport)


class TestTranscript(ChatContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self._folder = tmp_path

    def chat(self) -> Chat:
        return Transcript(TranscriptOptions(folder=self._folder))
