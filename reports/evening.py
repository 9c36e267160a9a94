"""The evening's report: what the public log says of a line, and what only the tables know.

A report is kept when a line is over, and can be worked out anew at any time. It names nobody.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Subquery, Sum

from database.clock import database_now
from reports.minutes import MINUTE
from reports.models import EveningReport, PortalMinute
from staff.models import User
from waiting_room.enums import Act, Ending
from waiting_room.models import Admission, LogPage, OperatorAct, Room, RoomMinute, Ticket
from waiting_room.pace import LineState
from waiting_room.public_log import microseconds
from waiting_room.services.evening import all_places
from waiting_room.services.figures import logged_figures

# Shares above which a minute counts as a fault: the targets of the pace.
LATENCY, ERROR_RATE = LineState.latency_target, LineState.error_target
# Of an evening that goes on for days, so many faults are named.
MOST_FAULTS = 200


def make_due_reports() -> int:
    """Make the reports that lines which are over still lack; returns how many."""
    # A line whose window was prolonged is over twice, with a longer log.
    pages = LogPage.objects.filter(room=OuterRef("pk"), upto__gt=0).order_by("-number")
    reported = EveningReport.objects.filter(
        room=OuterRef("pk"), is_final=True, log_pages__gte=OuterRef("last_page")
    )
    # Reports of older lines are deleted (reports.retention).
    kept_since = database_now() - timedelta(days=settings.EVENING_DAYS)
    recent = Room.objects.filter(board__final=True, cohort__closes_at__gte=kept_since)
    over = recent.annotate(last_page=Subquery(pages.values("number")[:1]))
    due = over.filter(last_page__isnull=False).exclude(Exists(reported))
    rooms = list(due.select_related("cohort", "line", "board").order_by("pk"))
    return sum(make_report(room) is not None for room in rooms)


@transaction.atomic
def make_report(room: Room, *, by: User | None = None) -> EveningReport | None:
    """Work the figures out and keep them; None before anybody is in the log."""
    last = room.pages.order_by("-number").first()
    if last is None or not last.upto:
        return None
    logged = logged_figures(room, last)
    totals = logged["totals"]
    return EveningReport.objects.create(
        room=room,
        is_final=room.board.final,
        log_pages=last.number,
        log_root=last.log_root,
        made_by=by,
        logged=logged,
        stored=stored_figures(room, totals["tickets"] - totals["uncalled"]),
    )


def stored_figures(room: Room, called: int) -> dict[str, Any]:
    """What the public log does not say: bookings, who did not come, reasons, faults, refusals."""
    minutes = list(RoomMinute.objects.filter(room=room).order_by("minute"))
    begin, end = _span(room, minutes)
    return {
        "shares": _who_came(room, called),
        "booked": _booked_by_minute(room),
        "reasons": _reasons(minutes),
        "faults": _faults(room, minutes)[:MOST_FAULTS],
        "refusals": _refusals(room, begin, end),
        "portal": _portal(begin, end),
        "answers": _answers(minutes),
        "acts": _acts(room),
    }


def _span(room: Room, minutes: list[RoomMinute]) -> tuple[datetime, datetime]:
    """From the first minute of the line to its last one."""
    # Rooms from before there were minutes have none.
    if minutes:
        return minutes[0].minute, minutes[-1].minute + MINUTE
    first = Ticket.objects.filter(room=room).aggregate(at=Min("joined_at"))["at"]
    opened = room.cohort.opens_at
    return first or opened, room.line.ticked_at or opened


def _who_came(room: Room, called: int) -> dict[str, int]:
    """Of `called` tickets: who came, booked, had left the line, or never came."""
    admitted = Admission.objects.filter(room=room).order_by()
    came = admitted.values("ticket").distinct().count()
    booked = admitted.filter(ending=Ending.BOOKED).values("ticket").distinct().count()
    # The log does not say who left the line, so these count as called there.
    last_call = room.line.serving
    place_of = all_places(room)
    left_tickets = Ticket.objects.filter(room=room, left_at__isnull=False, admissions__isnull=True)
    entries = left_tickets.order_by("entry").values_list("entry", flat=True)
    left = sum((place_of(entry) or last_call + 1) <= last_call for entry in entries)
    return {
        "called": called,
        "came": came,
        "booked": booked,
        "left": left,
        "no_show": max(0, called - came - left),
    }


def _booked_by_minute(room: Room) -> list[list[int]]:
    """Minutes (microseconds) in which admissions ended with a booking, and how many."""
    ended = Admission.objects.filter(room=room, ending=Ending.BOOKED, ended_at__isnull=False)
    counted = Counter(
        microseconds(at.replace(second=0, microsecond=0))
        for at in ended.order_by().values_list("ended_at", flat=True).iterator(chunk_size=5000)
        if at  # for the types: the filter leaves no other
    )
    return [list(pair) for pair in sorted(counted.items())]


def _reasons(minutes: list[RoomMinute]) -> dict[str, int]:
    """Ticks (seconds, mostly) in which each reason held, by its code."""
    counted = Counter[str]()
    for row in minutes:
        for reason in row.reasons:
            counted[reason["code"]] += reason["ticks"]
    return dict(counted.most_common())


def _faults(room: Room, minutes: list[RoomMinute]) -> list[dict[str, Any]]:
    """Minutes in a row in which the ticks stopped, booking was slow, or it failed."""
    faults: list[dict[str, Any]] = []
    for before, row in zip([None, *minutes], minutes, strict=False):
        at, until = row.minute, row.minute + MINUTE
        # A minute without a row had no tick at all.
        if before is not None and row.minute - before.minute > MINUTE:
            _add_fault(faults, "still", before.minute + MINUTE, row.minute, 0.0)
        if row.missed:
            _add_fault(faults, "missed", at, until, row.missed)
        if row.latency is not None and row.latency > LATENCY:
            _add_fault(faults, "slow", at, until, row.latency)
        if row.error_rate is not None and row.error_rate > ERROR_RATE:
            _add_fault(faults, "errors", at, until, row.error_rate)
    for step in room.steps.filter(act=Act.UNWITNESSED).order_by("pk"):
        _add_fault(faults, "unwitnessed", step.at, step.at, 0.0)
    return sorted(faults, key=lambda fault: (fault["from"], fault["kind"]))


def _add_fault(
    faults: list[dict[str, Any]], kind: str, begin: datetime, end: datetime, worst: float
) -> None:
    """Append a fault, or prolong the one of its kind that ends where this begins."""
    start, until = microseconds(begin), microseconds(end)
    last = next((fault for fault in reversed(faults) if fault["kind"] == kind), None)
    if last is not None and last["until"] == start and kind != "unwitnessed":
        last["until"], last["worst"] = until, max(last["worst"], worst)
    else:
        faults.append({"kind": kind, "from": start, "until": until, "worst": worst})


def _refusals(room: Room, begin: datetime, end: datetime) -> dict[str, int]:
    """Refused requests of this line by name of the refusal, the most frequent first."""
    rows = PortalMinute.objects.filter(minute__gte=begin, minute__lt=end).exclude(refusals={})
    counted = Counter[str]()
    for refusals in rows.order_by("minute").values_list("refusals", flat=True):
        counted.update(refusals.get(str(room.pk), {}))
    return dict(counted.most_common())


def _portal(begin: datetime, end: datetime) -> dict[str, int | None]:
    """Booking pages and messages of the whole portal between the first minute and the last."""
    rows = PortalMinute.objects.filter(minute__gte=begin, minute__lt=end)
    names = ["requests", "errors", "slow", "milliseconds", "holds", "bookings", "sent", "failed"]
    return rows.aggregate(**{name: Sum(name) for name in names})


def _answers(minutes: list[RoomMinute]) -> list[list[int]]:
    """Minutes (microseconds) with the worst answer of booking pages in milliseconds."""
    return [
        [microseconds(row.minute), round(1000 * row.latency)]
        for row in minutes
        if row.latency is not None
    ]


def _acts(room: Room) -> list[dict[str, Any]]:
    """What operators did, by whom and why."""
    acts = OperatorAct.objects.filter(room=room).select_related("step").order_by("step_id")
    return [
        {
            "at": microseconds(act.step.at),
            "act": act.step.act,
            "by": act.step.by,
            "before": act.before,
            "after": act.after,
            "reason": act.reason,
        }
        for act in acts
    ]
