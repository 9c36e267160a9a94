"""A kept report in words, tables and charts, for its page, its CSV and its PDF."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from reports.charts import Chart, Series, line_chart
from reports.control_room import settings_text
from reports.models import EveningReport
from staff.names import actor_names
from waiting_room.enums import Act
from waiting_room.public_log import from_microseconds, microseconds
from waiting_room.reasons import limits_text
from waiting_room.services.figures import MINUTE
from waiting_room.templatetags.waiting_room import duration

# A chart has so many points at most; a longer evening is added up over one of these minutes.
MOST_POINTS = 240
WIDTHS = (1, 5, 15, 30, 60, 180, 360, 1440)
BEFORE_OPENING = 15  # minutes that the charts begin before the opening
FIRST_HOURS = 3
EFFECT = 10  # minutes before and after a change of pace that are compared
FLOWS, LEVELS = ("joined", "called", "entered", "booked"), ("waiting", "inside")


class Figure(NamedTuple):
    name: str
    value: str


@dataclass(frozen=True)
class PaceEffect:
    """A change of pace with what was before and after it."""

    at: datetime
    limits: str
    waiting: int
    called_before: float
    called_after: float
    answer_before: int | None  # milliseconds
    answer_after: int | None


class Table(NamedTuple):
    """A table of the page and of the PDF; `empty` is said without rows. `widths` are of 100 in
    print; without them all columns are alike."""

    title: str
    heads: list[str]
    rows: list[list[str]]
    empty: str
    widths: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ReportShown:
    """All of a report that pages show; `is_long` if its charts could be of the first hours."""

    report: EveningReport
    public_figures: list[Figure]  # follow from the public log
    stored_figures: list[Figure]
    charts: list[Chart]
    effects: list[PaceEffect]
    tables: list[Table]
    acts: list[dict[str, Any]]
    is_long: bool


def shown(report: EveningReport, *, first_hours: bool = False) -> ReportShown:
    """The report in the active language; `first_hours` limits its charts."""
    opens = microseconds(report.room.cohort.opens_at)
    minutes = by_minute(report)
    # A line that is open for days has its crowd in the first hours.
    spans = list(minutes)
    is_long = bool(spans) and spans[-1] - opens > 2 * FIRST_HOURS * 60 * MINUTE
    end = opens + FIRST_HOURS * 60 * MINUTE if first_hours and is_long else None
    return ReportShown(
        report=report,
        public_figures=_public_figures(report),
        stored_figures=_stored_figures(report),
        charts=_charts(report, minutes, opens, end),
        effects=effects(report, minutes),
        tables=_tables(report),
        acts=_acts(report),
        is_long=is_long,
    )


def moment(at: int) -> datetime:
    return timezone.localtime(from_microseconds(at))


def by_minute(report: EveningReport) -> dict[int, dict[str, int]]:
    """What each minute had, by its begin in microseconds; minutes without anything are left out."""
    curves = report.logged["curves"]
    names = [name for name in curves if name != "minute"]
    minutes: dict[int, dict[str, int]] = {}
    # The kept curves are lists beside each other, which take a tenth of the room of rows.
    for number, at in enumerate(curves["minute"]):
        minutes[at] = {name: curves[name][number] for name in names}
    levels = {"waiting": 0, "inside": 0}
    for name, pairs in (("booked", report.stored["booked"]), ("answer", report.stored["answers"])):
        for at, value in pairs:
            minutes.setdefault(at, {})[name] = value
    for at in sorted(minutes):  # minutes of the tables alone have no levels of the log
        row = minutes[at]
        levels = {name: row.get(name, levels[name]) for name in levels}
        minutes[at] = {**dict.fromkeys(FLOWS, 0), **row, **levels}
    return dict(sorted(minutes.items()))


def _public_figures(report: EveningReport) -> list[Figure]:
    totals = report.logged["totals"]
    return [
        Figure(_("Tickets"), f"{totals['tickets']:,}"),
        Figure(_("Called"), f"{totals['called']:,}"),
        Figure(_("Never called"), f"{totals['uncalled']:,}"),
        Figure(_("Called per minute"), f"{totals['per_minute']:,}"),
        Figure(_("The busiest minute"), f"{totals['busiest_minute']:,}"),
        Figure(_("Half waited at most"), duration(totals["waited_median"])),
        Figure(_("19 of 20 waited at most"), duration(report.logged["waited_95"])),
        Figure(_("The longest wait"), duration(totals["waited_most"])),
        Figure(_("Waiting times that held"), _share(totals["estimates_held"], totals["estimates"])),
        Figure(_("Pauses"), f"{totals['pauses']:,} ({duration(totals['paused_seconds'])})"),
        Figure(_("Changes of pace"), f"{totals['paces']:,}"),
        Figure(_("Entered"), f"{totals['entered']:,}"),
        Figure(_("Ran out of time"), f"{totals['ran_out']:,}"),
    ]


def _stored_figures(report: EveningReport) -> list[Figure]:
    shares, portal = report.stored["shares"], report.stored["portal"]
    return [
        Figure(_("Came of those called"), f"{shares['came']:,}"),
        Figure(_("Booked"), f"{shares['booked']:,}"),
        Figure(_("Had left the line"), f"{shares['left']:,}"),
        Figure(_("Did not come"), _share(shares["no_show"], shares["called"])),
        Figure(_("Booking pages, whole portal"), _count(portal["requests"])),
        Figure(_("Errors of them"), _count(portal["errors"])),
        Figure(_("Slower than half a second"), _count(portal["slow"])),
        Figure(_("Messages sent, whole portal"), _count(portal["sent"])),
        Figure(_("Messages failed"), _count(portal["failed"])),
    ]


def figures_of_list(
    totals: dict[str, int], waited_95: int, shares: dict[str, int]
) -> dict[str, str]:
    """The few figures by which evenings are compared."""
    return {
        "tickets": f"{totals['tickets']:,}",
        "called": f"{totals['called']:,}",
        "booked": f"{shares['booked']:,}",
        "median": duration(totals["waited_median"]),
        "most": duration(waited_95),
        "no_show": _percent(shares["no_show"], shares["called"]),
        "held": _percent(totals["estimates_held"], totals["estimates"]),
    }


def _percent(part: int, total: int) -> str:
    return f"{100 * part / total:.1f} %" if total else "–"


def _share(part: int, total: int) -> str:
    return f"{_percent(part, total)} ({part:,} / {total:,})" if total else "–"


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


# Charts


def _charts(
    report: EveningReport, minutes: dict[int, dict[str, int]], opens: int, end: int | None
) -> list[Chart]:
    labels, bins, width = binned(minutes, opens - BEFORE_OPENING * MINUTE, end)
    head = _("Minute") if width == 1 else _("Began")
    per = _("per minute") if width == 1 else _("in %(minutes)s minutes") % {"minutes": width}
    names = {
        "joined": _("joined"),
        "called": _("called"),
        "entered": _("entered"),
        "booked": _("booked"),
    }
    flows = [Series(names[name], [part[name] for part in bins]) for name in FLOWS]
    return [
        line_chart(
            "waiting",
            _("Waiting"),
            labels=labels,
            series=[Series(_("waiting"), [part["waiting"] for part in bins])],
            head=head,
            unit=_("people"),
        ),
        line_chart(
            "moved", _("How the line moved"), labels=labels, series=flows, head=head, unit=per
        ),
        line_chart(
            "inside",
            _("Inside"),
            labels=labels,
            series=[Series(_("inside"), [part["inside"] for part in bins])],
            head=head,
            unit=_("people"),
            note=_("Counted once a minute."),
        ),
        line_chart(
            "answers",
            _("Answer of booking pages"),
            labels=labels,
            series=[Series(_("slowest"), [part.get("answer") for part in bins])],
            head=head,
            unit="ms",
        ),
    ]


def binned(
    minutes: dict[int, dict[str, int]], begin: int, end: int | None
) -> tuple[list[str], list[dict[str, Any]], int]:
    """Labels, values and the width in minutes of equal parts from `begin`, which takes in all that
    was before it, to `end` or the last minute."""
    if not minutes:
        return [], [], 1
    # Parts begin with a minute of the clock, as the curves do.
    begin -= begin % MINUTE
    last = max(minutes)
    stop = max(min(end or last + MINUTE, last + MINUTE), begin + MINUTE)
    length = (stop - begin) // MINUTE
    width = next(
        (minutes_each for minutes_each in WIDTHS if length <= minutes_each * MOST_POINTS),
        WIDTHS[-1],
    )
    count = -(-length // width)
    bins: list[dict[str, Any]] = [{**dict.fromkeys(FLOWS, 0)} for _number in range(count)]
    for at, row in minutes.items():
        if at >= stop:
            break
        part = bins[max(0, (at - begin) // (width * MINUTE))]
        for name in FLOWS:
            part[name] += row[name] if at >= begin else 0
        part |= {name: row[name] for name in LEVELS}
        if "answer" in row:
            part["answer"] = max(part.get("answer", 0), row["answer"])
    # A part in which nothing happened has the levels of the one before it.
    levels, full = dict.fromkeys(LEVELS, 0), []
    for part in bins:
        levels = {name: part.get(name, levels[name]) for name in LEVELS}
        full.append({**part, **levels})
    pattern = "%H:%M" if count * width <= 24 * 60 else "%m-%d %H:%M"
    labels = [f"{moment(begin + n * width * MINUTE):{pattern}}" for n in range(count)]
    return labels, full, width


# Tables


def effects(report: EveningReport, minutes: dict[int, dict[str, int]]) -> list[PaceEffect]:
    """What each change of pace after the first setting did; calls are means of EFFECT minutes."""
    found = []
    # The first setting is that with which the room was made.
    for at, max_active, max_per_minute in report.logged["paces"][1:]:
        before = [row for t, row in minutes.items() if at - EFFECT * MINUTE <= t < at]
        after = [row for t, row in minutes.items() if at <= t < at + EFFECT * MINUTE]
        earlier = [row["waiting"] for t, row in minutes.items() if t <= at]
        found.append(
            PaceEffect(
                at=moment(at),
                limits=limits_text(max_active, max_per_minute),
                waiting=earlier[-1] if earlier else 0,
                called_before=sum(row["called"] for row in before) / EFFECT,
                called_after=sum(row["called"] for row in after) / EFFECT,
                answer_before=_worst(before),
                answer_after=_worst(after),
            )
        )
    return found


def _worst(rows: list[dict[str, int]]) -> int | None:
    return max((row["answer"] for row in rows if "answer" in row), default=None)


def _tables(report: EveningReport) -> list[Table]:
    stored, none = report.stored, _("None.")
    pauses = [
        [f"{moment(begin):%m-%d %H:%M:%S}", f"{moment(end):%m-%d %H:%M:%S}" if end else "–"]
        for begin, end in report.logged["pauses"]
    ]
    faults = [_fault(fault) for fault in stored["faults"]]
    refusals = [[refusal_text(name), f"{count:,}"] for name, count in stored["refusals"].items()]
    return [
        Table(_("Pauses"), [_("Began"), _("Ended")], pauses, none),
        Table(_("Faults"), [_("What"), _("Began"), _("Ended"), _("Worst")], faults, none),
        Table(_("Refusals"), [_("Why"), _("Count")], refusals, none),
        Table(
            _("Why this pace"),
            [_("Reason"), _("How long")],
            _reasons(report),
            _("Nobody was called."),
        ),
    ]


def _fault(fault: dict[str, Any]) -> list[str]:
    names: dict[str, tuple[str, Callable[[float], str]]] = {
        "still": (_("The line stood still: no tick"), lambda _worst: ""),
        "missed": (_("Ticks were late"), lambda worst: duration(round(worst))),
        "slow": (_("Booking was slow"), lambda worst: f"{1000 * worst:,.0f} ms"),
        "errors": (_("Booking failed"), lambda worst: f"{100 * worst:.1f} %"),
        "unwitnessed": (_("Went on without enough witnesses"), lambda _worst: ""),
    }
    name, text = names[fault["kind"]]
    begin, end = (f"{moment(fault[key]):%m-%d %H:%M}" for key in ("from", "until"))
    return [name, begin, end, text(fault["worst"])]


def _reasons(report: EveningReport) -> list[list[str]]:
    """What decided the pace, and for how long."""
    names = {
        "paused": _("Paused"),
        "witnesses": _("Waiting for the witnesses"),
        "line_empty": _("Everybody had been called"),
        "room": _("The room was full"),
        "rate": _("The limit per minute"),
        "slowed": _("Slowed, as booking was slow or failed"),
        "steady": _("Held steady, as booking was near its limit"),
        "rising": _("Rising by steps"),
        "absent_expected": _("More were called, as some do not come"),
        "caught_up": _("After an interruption"),
    }
    reasons = report.stored["reasons"]
    return [
        [names.get(code, code), duration(seconds)] for code, seconds in reasons.items() if seconds
    ]


def _acts(report: EveningReport) -> list[dict[str, Any]]:
    acts = report.stored["acts"]
    names = actor_names(act["by"] for act in acts)
    return [
        {
            "at": moment(act["at"]),
            "actor": names[act["by"]],
            "act": Act(act["act"]).label,
            "before": settings_text(act["before"]),
            "after": settings_text(act["after"]),
            "reason": act["reason"],
        }
        for act in acts
    ]


def refusal_text(name: str) -> str:
    """A refusal by the name of its class, as pages of the line and of booking raise it."""
    texts = {
        "RoomClosed": _("The line was closed"),
        "NotEligible": _("Not eligible for this line"),
        "NotYetJoinable": _("Too early to join"),
        "OwnWindowLater": _("The own window is later"),
        "NotCalled": _("Not called yet"),
        "NotDecided": _("A review is not decided yet"),
        "AdmissionOver": _("The time inside was over"),
        "SlotFull": _("The time had just been taken"),
        "SlotOver": _("The time had begun"),
        "SlotClosed": _("The clinic takes no bookings"),
        "NothingHeld": _("Nothing was held"),
        "HoldLapsed": _("The hold had run out"),
        "HoldChanged": _("Another time had been chosen"),
        "NoMoreTime": _("No more time for a hold"),
        "HeldLongEnough": _("Held for half an hour in all"),
        "AlreadyBooked": _("Booked already"),
        "NoDoseLeft": _("No dose was left"),
        "Refused": _("No time was chosen, or other reasons"),
    }
    return texts.get(name, name)
