"""The last hour minute by minute, as charts with their tables, and why the lines moved so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from reports.charts import Chart, Series, line_chart
from reports.control_room import ReasonRun, RoomNow, per_minute, reason_runs
from reports.models import PortalMinute

# A chart takes some milliseconds: no more rooms are drawn, all are in the table above.
MOST_ROOMS = 6


@dataclass(frozen=True)
class RoomHour:
    shown: RoomNow
    charts: list[Chart]
    runs: list[ReasonRun]


@dataclass(frozen=True)
class Hour:
    portal: list[Chart]
    rooms: list[RoomHour]


def hour_of(rooms: Sequence[RoomNow], minutes: Sequence[PortalMinute]) -> Hour:
    # A room with one minute has nothing to draw a line between.
    drawn = [shown for shown in rooms if len(shown.minutes) > 1][:MOST_ROOMS]
    return Hour(
        portal=_portal_charts(minutes),
        rooms=[RoomHour(shown, _room_charts(shown), reason_runs(shown.minutes)) for shown in drawn],
    )


def clock_label(at: datetime) -> str:
    return f"{timezone.localtime(at):%H:%M}"


def _room_charts(shown: RoomNow) -> list[Chart]:
    minutes = per_minute(shown.minutes)
    labels = [clock_label(minute.at) for minute in minutes]
    rows = [minute.row for minute in minutes]
    # Ids of charts begin with a letter.
    key, head = f"room{shown.room.pk}", _("Minute")
    moved = [
        Series(_("joined"), [minute.joined for minute in minutes]),
        Series(_("called"), [minute.called for minute in minutes]),
        Series(_("entered"), [minute.entered for minute in minutes]),
        Series(_("booked"), [minute.booked for minute in minutes]),
    ]
    moved += _limit(_("called at most"), [row.max_per_minute for row in rows], moved)
    inside = [
        Series(_("inside"), [row.inside for row in rows]),
        Series(_("at the door"), [row.at_door for row in rows]),
    ]
    inside += _limit(_("inside at most"), [row.max_active for row in rows], inside)
    return [
        line_chart(
            f"{key}_waiting",
            _("Waiting"),
            labels=labels,
            series=[Series(_("waiting"), [row.waiting for row in rows])],
            head=head,
            unit=_("people"),
        ),
        line_chart(
            f"{key}_moved",
            _("Per minute"),
            labels=labels,
            series=moved,
            head=head,
            unit=_("people"),
            note=_("Booked is reported every twenty seconds."),
        ),
        line_chart(
            f"{key}_inside",
            _("Inside"),
            labels=labels,
            series=inside,
            head=head,
            unit=_("people"),
        ),
    ]


def _limit(name: str, limits: list[int], series: list[Series]) -> list[Series]:
    """The limit as a line, unless it lies so high that the others would lie on the ground."""
    most = max((value or 0 for one_series in series for value in one_series.values), default=0)
    return [Series(name, limits, plan=True)] if min(limits) <= 2 * most else []


def _portal_charts(minutes: Sequence[PortalMinute]) -> list[Chart]:
    labels = [clock_label(minute.minute) for minute in minutes]
    head = _("Minute")
    pages = [
        Series(_("mean"), [_milliseconds(minute.latency) for minute in minutes]),
    ]
    counted = [
        Series(_("holds"), [minute.holds for minute in minutes]),
        Series(_("bookings"), [minute.bookings for minute in minutes]),
    ]
    sent = [
        Series(_("written"), [minute.written for minute in minutes]),
        Series(_("sent"), [minute.sent for minute in minutes]),
        Series(_("failed"), [minute.failed for minute in minutes]),
    ]
    troubled = [
        Series(_("errors"), [minute.errors for minute in minutes]),
        Series(_("slower than half a second"), [minute.slow for minute in minutes]),
        Series(_("refused"), [_refused(minute) for minute in minutes]),
    ]
    return [
        line_chart(
            "latency",
            _("Answer of booking pages"),
            labels=labels,
            series=pages,
            head=head,
            unit="ms",
        ),
        line_chart(
            "errors",
            _("Errors and refusals"),
            labels=labels,
            series=troubled,
            head=head,
            unit=_("pages"),
        ),
        line_chart("bookings", _("Holds and bookings"), labels=labels, series=counted, head=head),
        line_chart("messages", _("Messages"), labels=labels, series=sent, head=head),
    ]


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds)


def _refused(minute: PortalMinute) -> int:
    return sum(sum(counts.values()) for counts in minute.refusals.values())
