"""The deliveries of an incident: delivered, failed, unconfirmed. Sends nothing itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from warroom.incident import timing
from warroom.incident.delivery import Delivery, DeliveryState, resendable
from warroom.room.snapshot import IncidentSnapshot
from warroom.tui.actions import shown
from warroom.tui.context import ScreenContext
from warroom.tui.screens.form_dialog import Field, Form
from warroom.tui.screens.incident_actions import IncidentActions
from warroom.tui.widgets.bars import Bar, Key, KeyBar
from warroom.tui.widgets.row_list import ListRow, RowList
from warroom.tui.widgets.text import block, join, literal

STYLES = {
    DeliveryState.PENDING: "$text-quiet",
    DeliveryState.SENDING: "$text-quiet",
    DeliveryState.DELIVERED: "$text-success",
    DeliveryState.UNCONFIRMED: "$status-late-text on $status-late bold",
    DeliveryState.FAILED: "$status-overdue-text on $status-overdue bold",
}
ARRIVED, AGAIN, LEAVE = "arrived", "again", "leave"
RESEND = "ctrl+r"


def what(delivery: Delivery) -> str:
    """What is delivered, in a few words: ``u3 update · the team``."""
    item = delivery.item
    if item.request is not None:
        return item.request.what
    if item.operation == "open":
        return "create channel"
    if item.operation == "status" or item.message is None:
        return "update topic"
    if item.message.kind == "note":
        return "answer"  # to a command in the chat
    number = item.message.marker.rpartition("·")[2]
    part = delivery.id.rpartition(".post.")[2]
    return f"{number} {item.message.kind}" + (f" part {part}" if part.isdigit() else "")


def when(delivery: Delivery, now: datetime) -> str:
    """How often it was tried, and when it is tried next."""
    tried = f"{delivery.attempts}×" if delivery.attempts else ""
    if delivery.state is DeliveryState.DELIVERED or delivery.state is DeliveryState.FAILED:
        return tried
    if delivery.next_attempt_at is None:
        waits = "needs you" if delivery.state is DeliveryState.UNCONFIRMED else ""
    elif (next_at := delivery.waits_until(now)) is None:
        waits = "now"
    else:
        left = timing.format_duration(max(timedelta(seconds=1), next_at - now))
        waits = f"{'checks again' if delivery.state is DeliveryState.UNCONFIRMED else 'retry'} in {left}"
    return ", ".join(part for part in (tried, waits) if part)


def proof(delivery: Delivery) -> str:
    """The service's receipt, or what went wrong, in one line."""
    if delivery.error and delivery.state is not DeliveryState.DELIVERED:
        return " ".join(delivery.error.splitlines())
    receipt = delivery.receipt
    return (receipt.url or receipt.id) if receipt else ""


class DeliveriesScreen(IncidentActions):
    """Every delivery of the incident, live; an unconfirmed or failed one is settled with enter."""

    DEFAULT_CSS = """
    DeliveriesScreen #head { padding: 0 1; background: $panel; }
    DeliveriesScreen #columns { padding: 0 1; color: $text-quiet; }
    DeliveriesScreen #list { padding: 0 1; height: 1fr; }
    DeliveriesScreen #detail {
        height: 40%; border-top: solid $border-blurred; border-title-color: $text-primary; padding: 0 1;
        scrollbar-size-vertical: 1;
    }
    DeliveriesScreen #detail:focus { border-top: solid $border; }
    DeliveriesScreen #about { height: auto; }
    """
    BAR: ClassVar[tuple[str, ...]] = ("copy", "update", "note", "palette", "help")
    BINDINGS: ClassVar[list[BindingType]] = [Binding(RESEND, "resend", "Resend all failed", show=False)]

    def __init__(self, context: ScreenContext, incident_id: str, delivery: str = "") -> None:
        super().__init__(context, incident_id)
        self._wanted = delivery
        self._put = False

    def compose(self) -> ComposeResult:
        yield Bar(id="head")
        yield Bar(id="columns")
        yield RowList(id="list", empty=self.context.with_keys("Nothing sent yet — {update} posts an update"))
        with VerticalScroll(id="detail", can_focus=True):
            yield Static("", id="about", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one("#list").focus()

    def show_snapshot(self, snapshot: IncidentSnapshot) -> None:
        self._show_rows()
        if not self._put:  # begin at what needs a person
            self._put = True
            asked = [
                d.id for d in snapshot.deliveries if d.state in (DeliveryState.UNCONFIRMED, DeliveryState.FAILED)
            ]
            rows = self.query_one("#list", RowList)
            if not rows.put_cursor(self._wanted):
                rows.put_cursor(asked[0] if asked else (snapshot.deliveries[-1].id if snapshot.deliveries else ""))
        self._show_detail()

    def on_resize(self) -> None:
        self._show_rows()

    def tick(self) -> None:
        self._show_rows()

    # ── drawing ───────────────────────────────────────────────────────────────────────────────────────────

    def _show_rows(self) -> None:
        if self.snapshot is None:
            return
        now, deliveries, width = self.context.now(), self.snapshot.deliveries, max(60, self.size.width - 4)
        place = min(18, max([11, *(len(d.destination) for d in deliveries)])) + 2
        wide = width >= 110
        cells = (14, place, 26, 26 if wide else 21)
        last = width - sum(cells)
        rows = []
        for delivery in deliveries:
            state = literal(f" {delivery.state.glyph} {delivery.state.label} ", STYLES[delivery.state])
            rows.append(
                ListRow(
                    delivery.id,
                    Content("").join(
                        [
                            state.pad_right(max(0, cells[0] - state.cell_length)),
                            _cell(delivery.destination, cells[1]),
                            _cell(what(delivery), cells[2]),
                            _cell(when(delivery, now), cells[3]),
                            literal(proof(delivery), "$text-quiet") if last > 12 else Content(""),
                        ]
                    ),
                )
            )
        self.query_one("#list", RowList).show(rows)
        heads = ("  State", "Where", "What", "Tried", "Receipt or error" if last > 12 else "")
        row = [_cell(head, width) for head, width in zip(heads, (*cells, 20), strict=True)]
        self.query_one("#columns", Bar).set_content(Content(" ") + Content("").join(row))
        self._show_head()

    def _show_head(self) -> None:
        assert self.snapshot is not None
        counts = {state: sum(d.state is state for d in self.snapshot.deliveries) for state in DeliveryState}
        totals = [literal(f"{state.glyph} {n} {state.label}") for state, n in counts.items() if n]
        incident = self.incident
        title = join(literal(f" {incident.id}", "bold"), Content("Deliveries"), gap="  ")
        self.query_one("#head", Bar).set_content(join(title, join(*totals, gap="  "), gap="    "))

    def _show_detail(self) -> None:
        chosen = self._chosen()
        box, about = self.query_one("#detail"), self.query_one("#about", Static)
        box.border_title = literal(f"{chosen.destination} · {what(chosen)}") if chosen else Content("")
        if chosen is None:
            about.update(Content(""))
            return
        parts = []
        if chosen.error and chosen.state is not DeliveryState.DELIVERED:
            parts.append(block(f"✗ {chosen.error}", "$text-error"))
        if chosen.lacks_settings:
            words = "It is kept and retried here; another warroom with the missing settings sends it immediately."
            parts.append(block(words, "$text-warning"))
        if chosen.state is DeliveryState.UNCONFIRMED and chosen.next_attempt_at is None:
            words = "Delivery unconfirmed. Check whether it arrived, then press Enter."
            parts.append(block(words, "$text-warning"))
        elif chosen.state is DeliveryState.FAILED:
            parts.append(block("Fix the cause, then press Enter to resend.", "$text-warning"))
        receipt = chosen.receipt
        if receipt and (receipt.url or receipt.id):
            parts.append(block(f"Receipt  {' '.join(dict.fromkeys(p for p in (receipt.id, receipt.url) if p))}"))
        parts.append(block(f"Key      {chosen.id}", "$text-quiet"))
        if chosen.item.message:
            parts += [Content(""), block(chosen.item.message.text)]
        about.update(Content("\n").join(parts))

    async def do_copy(self) -> None:
        chosen = self._chosen()
        if chosen and chosen.item.message:
            self.copy_text(chosen.item.message.text)
        else:
            self.context.notify("Put the cursor on a post first", "warning")

    def _chosen(self) -> Delivery | None:
        row = self.query_one("#list", RowList).cursor_id
        found = self.snapshot.deliveries if self.snapshot else ()
        return next((delivery for delivery in found if delivery.id == row), None)

    def show_keys(self, first: tuple[Key, ...] = ()) -> None:
        chosen = self._chosen()
        able = chosen is not None and chosen.state in (DeliveryState.UNCONFIRMED, DeliveryState.FAILED)
        refused = bool(self.snapshot and resendable(self.snapshot.deliveries))
        super().show_keys(
            (
                Key("↵", "confirm", "settle", able),
                Key(shown(RESEND), "resend all failed", "resend", refused),
                Key("esc", "back", "back"),
                *first,
            )
        )

    # ── actions ───────────────────────────────────────────────────────────────────────────────────────────

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self._show_detail()
        self.show_keys()

    async def choose_row(self, event: RowList.Chosen) -> None:
        event.stop()
        self.action_settle()

    def action_settle(self) -> None:
        """Ask what became of the delivery under the cursor."""
        delivery = self._chosen()
        if delivery is None:
            return
        if delivery.state not in (DeliveryState.UNCONFIRMED, DeliveryState.FAILED):
            arrived = delivery.state is DeliveryState.DELIVERED
            self.context.notify("It arrived" if arrived else "It is being sent; there is nothing to confirm")
            return
        self.app.push_screen(settle_form(self.context, delivery))

    def action_resend(self) -> None:
        """Send everything again that was refused, once the person has seen how much that is and where it goes."""
        refused = resendable(self.snapshot.deliveries) if self.snapshot else []
        if not refused:
            self.context.notify("Nothing has failed")
            return
        count = f"{len(refused)} refused {'delivery' if len(refused) == 1 else 'deliveries'}"
        where = ", ".join(dict.fromkeys(one.destination for one in refused))
        choices = ((LEAVE, "Do nothing"), (AGAIN, f"Send them again to {where}"))
        self.app.push_screen(
            Form(
                f"{self.incident_id}: {count}",
                (Field("answer", "Send again", choices=choices),),
                self._resending,
                verb="confirm",
                about=f"Fix the cause first. {refused[-1].error}",
            )
        )

    async def _resending(self, values: dict[str, str]) -> None:
        if values["answer"] == AGAIN:
            room = self.context.room
            await self.context.work(lambda: room.resend_failed(self.incident_id))

    async def do_deliveries(self, delivery: str = "") -> None:
        """These are they."""
        self.query_one("#list").focus()


def settle_form(context: ScreenContext, delivery: Delivery) -> Form:
    """The question what became of a delivery that is unconfirmed or failed."""
    choices = (
        (LEAVE, "Do nothing"),
        (ARRIVED, "It arrived — I have seen it"),
        (AGAIN, "It did not arrive — send it again"),
    )

    async def submit(values: dict[str, str]) -> None:
        answer = values["answer"]
        if answer != LEAVE:
            await context.work(lambda: context.room.confirm_delivery(delivery.id, sent=answer == ARRIVED))

    return Form(
        f"{delivery.destination} · {what(delivery)} is {delivery.state.label}",
        (Field("answer", "Did it arrive?", choices=choices),),
        submit,
        verb="confirm",
        about=f"Look for {delivery.item.message.marker if delivery.item.message else 'the channel'} "
        f"on {delivery.destination}. {delivery.error}",
    )


def _cell(text: str, width: int) -> Content:
    cut = literal(text).truncate(max(1, width - 2), ellipsis=True)
    return cut.pad_right(max(0, width - cut.cell_length))
