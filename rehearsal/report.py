"""The report of a rehearsal: lines for the terminal, JSON, and one HTML file.

The HTML file has all it needs within itself (Korean first, then English), so that it can be sent
by mail and printed. It names no person.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from rehearsal import journal, report_charts
from rehearsal.figures import Figures, figures_of
from rehearsal.journal import Asked, Journal, percentile

HTML, JSON = "report.html", "report.json"
SHEET = "/* sheet */"  # stands in the template for files that no browser could load
LANGUAGES = {"ko": "한국어", "en": "English"}


@dataclass(frozen=True)
class Result:
    lines: list[str]  # for the terminal
    all_kept: bool
    stuck: int


class Promise(NamedTuple):
    name: str
    shown: str  # its count
    check: str  # how it was found out
    verdict: str  # kept, broken, unknown
    word: str  # the verdict in words


def write(played: Journal, *, made_at: datetime) -> Result:
    """Write the report's files into the journal's folder."""
    figures = figures_of(played)
    journal.write_whole(played.folder / JSON, json.dumps(as_json(played, figures), indent=1))
    journal.write_whole(played.folder / HTML, page(played, figures, made_at))
    counts = (played.findings or {}).get("counts", {})
    return Result(
        lines=list(text_lines(played, figures)),
        all_kept=not any(counts.values()),
        stuck=figures.stuck,
    )


# The terminal.


def text_lines(played: Journal, figures: Figures) -> Iterator[str]:
    yield ""
    yield f"{'request':<36}{'count':>8}{'failed':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}"
    for name, entry in figures.pages.items():
        latencies = [percentile(entry.steps, share) or 0.0 for share in (0.5, 0.95, 0.99)]
        yield f"{name:<36}{entry.requests:>8}{entry.failures:>8}" + "".join(
            f"{latency:>9.0f}" for latency in latencies
        )
    yield ""
    outcomes, rate = figures.outcomes, figures.outcomes["booked"] / max(figures.seconds, 1)
    yield f"booked                  {outcomes['booked']:>6}   ({rate:.1f} a second)"
    for label, number in (
        ("sold out", outcomes["sold_out"]),
        ("gone away", outcomes["gone_away"]),
        ("not called in time", outcomes["waited_out"]),
        ("refused, as they should", outcomes["refused"]),
        ("could not go on", figures.stuck),
        ("pressed reload", figures.counts["retries"]),
        ("went to another node", figures.counts["nodes"]),
        ("changed device", figures.counts["devices"]),
        ("lost a race for a slot", figures.counts["lost_races"]),
    ):
        yield f"{label:<24}{number:>6}"
    for host, asked in _several(figures).items():
        yield f"{host:<36}{asked.requests:>8}{asked.failures:>8}"
    yield ""
    yield from _promise_lines(played)
    for trouble, count in figures.troubles:
        yield f"  {count} × {trouble}"
    yield ""
    yield from _figure_lines(played, figures)


def _several(figures: Figures) -> dict[str, Asked]:
    """The nodes by name; of one alone the sums say all."""
    return figures.hosts if len(figures.hosts) > 1 else {}


def _promise_lines(played: Journal) -> Iterator[str]:
    labels = {
        "places_lost": "places lost",
        "places_moved_back": "places that moved back",
        "admissions_over_cap": "admissions over the cap",
        "slots_over_capacity": "slots over capacity",
        "receipts_without_reservation": "receipts not kept",
        "double_bookings": "double bookings",
        "jumped": "jumped the line",
        "messages_twice": "messages twice",
        "invariants_broken": "found by the verifiers",
    }
    if played.findings is None:
        yield "The answers were not compared with the database."
        return
    for name, label in labels.items():
        count = played.findings["counts"].get(name)
        yield f"{label:<24}{'-' if count is None else count:>6}"
    for case in played.findings["cases"][:20]:
        yield f"  {case}"


def _figure_lines(played: Journal, figures: Figures) -> Iterator[str]:
    generator = played.plan["generator"]
    yield (
        f"load generator: {generator['processes']} processes, {100 * figures.busy:.0f} % of a "
        f"core, at most {1000 * figures.worst_late:.0f} ms late; portal taken away: "
        f"{generator['per_second']:,.0f} pages/s, {generator['per_cpu_second']:,.0f} for each "
        "second of CPU"
    )
    if figures.away_seconds:
        yield f"the database did not answer for {figures.away_seconds:.1f} s"
    if figures.score:
        held = 100 * figures.score["held"]
        yield f"waiting times that held: {held:.0f} % of {figures.score['count']}"
    if figures.capacity:
        capacity = figures.capacity
        bound = "" if capacity.limit == "portal" else "at least "
        yield (
            f"capacity: {bound}{capacity.per_second:.1f} bookings/s, limited by the "
            f"{capacity.limit}"
        )
    if figures.advice:
        yield f"advice: --pace {figures.advice.pace} --cap {figures.advice.cap}"
    if figures.quarters:
        first, last = (f"{value or 0:.0f}" for value in figures.quarters.p95)
        yield f"first and last quarter: p95 {first} and {last} ms"
        for kind, (before, after) in figures.quarters.memory.items():
            yield f"  memory of a {kind} process: {before:.0f} and {after:.0f} MB"


# JSON.


_PLAIN = (
    "expected", "outcomes", "counts", "stuck", "seconds", "requests", "failures", "faults",
    "away_seconds", "busy", "worst_late", "score", "troubles",
)  # fmt: skip
_OF_PARTS = ("curves", "capacity", "advice", "quarters")


def as_json(played: Journal, figures: Figures) -> dict[str, Any]:
    """All figures by name; latencies in milliseconds, memory in megabytes, times in seconds."""
    pages = {
        name: {
            "requests": page.requests,
            "failures": page.failures,
            "p50": percentile(page.steps, 0.5),
            "p95": percentile(page.steps, 0.95),
            "p99": percentile(page.steps, 0.99),
        }
        for name, page in figures.pages.items()
    }
    return {
        "plan": played.plan,
        "whole": played.is_whole,
        "pages": pages,
        **{name: getattr(figures, name) for name in _PLAIN},
        **{name: asdict(part) if (part := getattr(figures, name)) else None for name in _OF_PARTS},
        "findings": played.findings,
    }


# HTML.


def page(played: Journal, figures: Figures, made_at: datetime) -> str:
    """The report as one HTML file."""
    sections = []
    for code, name in LANGUAGES.items():
        with translation.override(code):
            body = render_to_string("rehearsal/section.html", _context(played, figures, code))
        sections.append({"code": code, "name": name, "body": body})
    with translation.override("ko"):
        return render_to_string(
            "rehearsal/report.html",
            {
                "title": played.plan["scenario"]["title"]["ko"],
                "sections": sections,
                "made_at": timezone.localtime(made_at),
            },
        ).replace(SHEET, _style(), 1)


def _style() -> str:
    """The report's sheet, and that of charts, whose dark colours are for the admin alone there."""
    charts: str = (settings.BASE_DIR / "static" / "jari" / "charts.css").read_text()
    charts = charts.replace('html:not([data-theme="light"]) #container ', "")
    own = Path(__file__).with_name("report.css").read_text()
    return charts + own


def _context(played: Journal, figures: Figures, code: str) -> dict[str, Any]:
    plan = played.plan["scenario"]
    since = timezone.localtime(datetime.fromisoformat(played.plan["since"]))
    promises = list(promises_of(played, figures))
    return {
        "title": plan["title"][code],
        "since": f"{since:%Y-%m-%d %H:%M:%S}",
        "whole": played.is_whole,
        "checked": played.findings is not None,
        "kept": all(promise.verdict != "broken" for promise in promises),
        "promises": promises,
        "cases": (played.findings or {}).get("cases", [])[:20],
        "summary": list(_summary(figures)),
        "capacity": _capacity_text(figures),
        "advice": _advice_text(figures),
        "rule": _(
            "Capacity: the half minute with the most bookings in which 19 of 20 booking pages "
            "came within a second, fewer than one request of a hundred failed and the load "
            "generator was not late. Pace: 80 % of it, divided by the share of the called who "
            "booked. Cap: people let in a second at this pace, times the seconds that nine of ten "
            "stayed inside, and a fifth more."
        ),
        "generator": _generator_text(played, figures),
        "charts": report_charts.charts(figures, prefix=code),
        "pages": [
            [name, f"{page.requests:,}", f"{page.failures:,}", *_latencies(page.steps)]
            for name, page in figures.pages.items()
        ],
        "faults": [[_clock(fault["at"]), fault_text(fault)] for fault in figures.faults],
        "quarters": _quarters(figures),
        "setup": list(_setup(played)),
    }


def _latencies(steps: Any) -> list[str]:
    values = (percentile(steps, share) for share in (0.5, 0.95, 0.99))
    return ["–" if value is None else f"{value:,.0f}" for value in values]


def promises_of(played: Journal, figures: Figures) -> Iterator[Promise]:
    """Each promise with its count and the check behind it."""
    counts = (played.findings or {}).get("counts", {})
    texts = {
        "places_lost": (
            _("Places lost"),
            _("Ticket and owner that each person was shown, against the table of tickets"),
        ),
        "places_moved_back": (
            _("Places that moved back"),
            _("Each place that was shown, in order, and the one in the table"),
        ),
        "jumped": (
            _("Jumped the line"),
            _(
                "Each admission against the call of its place, by the database's times; foreign "
                "requests that were let in"
            ),
        ),
        "admissions_over_cap": (
            _("Admissions over the cap"),
            _("Times of all admissions, added up, against the highest cap of that time"),
        ),
        "slots_over_capacity": (
            _("Times over capacity"),
            _("Reservations counted anew, against capacity and counter of each time"),
        ),
        "double_bookings": (
            _("Double bookings"),
            _("People of the crowd with two live reservations for one dose"),
        ),
        "receipts_without_reservation": (
            _("Answered but not kept"),
            _("Each reservation number that was shown, against the table of reservations"),
        ),
        "messages_twice": (
            _("Messages sent twice"),
            _("Files of the outbox with the same cause"),
        ),
        "invariants_broken": (
            _("Found by the verifiers"),
            _("Lines against their signed log; invariants of bookings and of doses"),
        ),
    }
    for name, (label, check) in texts.items():
        yield _promise(label, counts.get(name), check)
    yield _promise(
        _("Could not go on"),
        figures.stuck,
        _("People who neither got through nor left, by their own record"),
    )


def _promise(label: str, count: int | None, check: str) -> Promise:
    if count is None:
        return Promise(label, "–", check, "unknown", _("not checked"))
    if count:
        return Promise(label, f"{count:,}", check, "broken", _("broken"))
    return Promise(label, "0", check, "kept", _("kept"))


def _summary(figures: Figures) -> Iterator[tuple[str, str]]:
    outcomes = figures.outcomes
    yield _("People"), f"{figures.expected:,}"
    yield _("Booked"), f"{outcomes['booked']:,}"
    yield _("Sold out"), f"{outcomes['sold_out']:,}"
    yield _("Went away"), f"{outcomes['gone_away']:,}"
    yield _("Not called in time"), f"{outcomes['waited_out']:,}"
    yield _("Refused, as they should be"), f"{outcomes['refused']:,}"
    yield _("Requests"), f"{figures.requests:,}"
    yield _("Failed requests"), f"{figures.failures:,}"
    yield _("Pressed reload"), f"{figures.counts['retries']:,}"
    for host, asked in _several(figures).items():
        numbers = {"requests": f"{asked.requests:,}", "failed": f"{asked.failures:,}"}
        yield host, _("%(requests)s requests, %(failed)s failed") % numbers
    if _several(figures):
        yield _("Went to another node"), f"{figures.counts['nodes']:,}"
    yield _("Signed in again"), f"{figures.counts['devices']:,}"
    yield _("Lost a race for a time"), f"{figures.counts['lost_races']:,}"
    yield _("Length"), _clock(figures.seconds)
    if figures.score:
        share = 100 * figures.score["held"]
        yield _("Waiting times that held"), f"{share:.0f} % ({figures.score['count']:,})"
    if figures.away_seconds:
        yield _("Database away"), f"{figures.away_seconds:.1f} s"


def _capacity_text(figures: Figures) -> str:
    if figures.capacity is None:
        return _("No half minute had bookings and was healthy: there is no capacity to state.")
    limits: dict[str, Callable[[], str]] = {
        "portal": lambda: _("The portal itself was the limit: beyond this, pages were late."),
        "pace": lambda: _("The pace of the room was the limit: the portal can do more."),
        "cap": lambda: _("The cap of the room was the limit: the portal can do more."),
        "crowd": lambda: _("The crowd was too small to find a limit: the portal can do more."),
    }
    rate = _("%(rate)s bookings a second (%(hour)s an hour).") % {
        "rate": f"{figures.capacity.per_second:.1f}",
        "hour": f"{3600 * figures.capacity.per_second:,.0f}",
    }
    return f"{rate} {limits[figures.capacity.limit]()}"


def _advice_text(figures: Figures) -> str:
    if figures.advice is None:
        return ""
    return _(
        "Pace %(pace)s a minute, cap %(cap)s people inside. Of the called %(share)s %% booked; "
        "nine of ten of them were inside for at most %(inside)s seconds."
    ) % {
        "pace": f"{figures.advice.pace:,}",
        "cap": f"{figures.advice.cap:,}",
        "share": f"{100 * figures.advice.booked_share:.0f}",
        "inside": f"{figures.advice.inside_seconds:.0f}",
    }


def _generator_text(played: Journal, figures: Figures) -> str:
    generator = played.plan["generator"]
    return _(
        "The load generator had %(processes)s processes and used %(busy)s %% of one core; it was "
        "at most %(late)s ms late. With the portal taken away one process read %(pages)s pages a "
        "second just before, beside all else on the machine, and %(each)s for each second of CPU."
    ) % {
        "processes": generator["processes"],
        "busy": f"{100 * figures.busy:.0f}",
        "late": f"{1000 * figures.worst_late:,.0f}",
        "pages": f"{generator['per_second']:,.0f}",
        "each": f"{generator['per_cpu_second']:,.0f}",
    }


def _quarters(figures: Figures) -> list[list[str]]:
    if figures.quarters is None:
        return []
    rows = [[_("p95 of all pages, ms"), *(f"{value or 0:,.0f}" for value in figures.quarters.p95)]]
    for kind, values in figures.quarters.memory.items():
        label = _("Memory of a process, MB: %(kind)s") % {"kind": kind}
        rows.append([label, *(f"{value:,.0f}" for value in values)])
    return rows


def _setup(played: Journal) -> Iterator[tuple[str, str]]:
    plan = played.plan["scenario"]
    yield _("Portal"), ", ".join(played.plan["hosts"])
    yield _("Lines"), ", ".join(played.plan["rooms"])
    yield _("People come for"), _clock(plan["minutes"] * 60)
    yield _("At the first moment"), f"{plan['burst']:,}"
    yield _("Pace and cap"), f"{plan['pace'] or '–'} / {plan['cap'] or '–'}"
    for name, share in plan["behaviours"].items():
        yield behaviour_text(name), f"{100 * share:.0f} %"


def fault_text(fault: dict[str, Any]) -> str:
    """What was done, in the active language; what failed, as it was noted."""
    texts = {
        "kill_web": _("The web processes were killed with kill -9."),
        "kill_worker": _("The workers were killed with kill -9."),
        "kill_cron": _("Cron was killed with kill -9."),
        "kill_postgres": _("Postgres was killed with kill -9."),
        "empty_redis": _("Redis was emptied."),
    }
    return texts[fault["kind"]] if fault["done"] else str(fault["text"])


def behaviour_text(name: str) -> str:
    texts = {
        "refresh_often": _("Reload often"),
        "lose_cookie": _("Lose their cookies"),
        "other_device": _("Change the device"),
        "away_when_called": _("Away when called"),
        "abandon_hold": _("Never confirm"),
        "wrong_cohort": _("Of another cohort"),
        "clock_changed": _("Press before they are called"),
        "double_submit": _("Confirm twice at once"),
        "leaves": _("Give up in the line"),
    }
    return texts[name]


def _clock(seconds: float) -> str:
    minutes, remainder = divmod(round(seconds), 60)
    return f"{minutes}:{remainder:02}"
