"""The curves of a rehearsal's report."""

from collections.abc import Mapping, Sequence
from functools import partial

from django.utils.translation import gettext as _

from rehearsal.figures import Figures
from reports.charts import Chart, Series, line_chart

Values = Sequence[float | None]


def charts(figures: Figures, *, prefix: str) -> list[Chart]:
    """All curves in the active language; `prefix` keeps the ids of two languages apart."""
    curves = figures.curves
    labels = [_label(start, curves.width) for start in curves.starts]

    def chart(
        key: str, title: str, unit: str, values: Mapping[str, Values], *, decimals: int = 0,
        note: str = "",
    ) -> Chart:  # fmt: skip
        series = [Series(name, list(each)) for name, each in values.items()]
        draw = partial(line_chart, labels=labels, head=_("Time"), unit=unit, decimals=decimals)
        return draw(f"{prefix}_{key}", title, series=series, note=note)

    moved = {_("came"): curves.arrivals, _("called"): curves.called, _("booked"): curves.booked}
    found = [
        chart("flows", _("Came, called, booked"), _("per second"), moved, decimals=1),
        chart("people", _("Where people were"), _("people"), _stages(curves.stages)),
        chart("latency", _("Answer time of pages, p95"), "ms", _groups(curves.latency)),
        chart("failures", _("Failed requests"), _("requests"), {_("failed"): curves.failures}),
    ]
    if curves.memory:
        found.append(chart("memory", _("Memory of the portal"), "MB", _kinds(curves.memory)))
    note = _("Where this is high, the load generator was the limit, and not the portal.")
    late = {_("late"): curves.late}
    found.append(chart("late", _("How late the load generator was"), "ms", late, note=note))
    return found


def _label(start: int, width: int) -> str:
    return f"{start // 60}:{start % 60:02}" if width < 60 else f"{start // 60}"


def _stages(stages: dict[str, list[float | None]]) -> dict[str, Values]:
    names = {"identity": _("signing in"), "line": _("in the line"), "booking": _("inside")}
    return {names[name]: values for name, values in stages.items()}


def _groups(latency: dict[str, list[float | None]]) -> dict[str, Values]:
    names = {
        "signing_in": _("signing in"),
        "join": _("joining"),
        "line": _("line"),
        "booking": _("booking"),
        "lookup": _("looking up"),
    }
    return {names[name]: latency[name] for name in names if name in latency}


def _kinds(memory: dict[str, list[float | None]]) -> dict[str, Values]:
    names = {"web": _("web"), "worker": _("workers"), "cron": _("cron")}
    return {names[kind]: values for kind, values in sorted(memory.items())}
