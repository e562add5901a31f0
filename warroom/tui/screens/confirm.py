"""A question with two answers, over the screen. Enter alone keeps everything as it is."""

from __future__ import annotations

from warroom.tui.screens.form_dialog import Field, Form


class Confirm(Form):
    """Asks ``question`` and ends with True for ``yes``; ``no`` comes first and answers enter and escape."""

    def __init__(self, title: str, question: str, *, yes: str, no: str, about: str = "") -> None:
        answers = Field("answer", question, "no", choices=(("no", no), ("yes", yes)))
        super().__init__(title, (answers,), self._answered, verb="choose", about=about)

    async def _answered(self, values: dict[str, str]) -> None:
        """Nothing to submit: the answer is the result."""

    async def _send(self) -> None:
        self.dismiss(self.values["answer"] == "yes")
