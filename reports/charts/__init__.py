"""Charts as SVG made on the server, each with the table of its numbers.

    chart = line_chart(
        "uptake", _("Doses by day"),
        labels=["11.28", "11.29"],
        series=[Series(_("Given"), [120, 340]), Series(_("Plan"), [200, 200], plan=True)],
        summary=_("340 doses on the last day, 200 planned."),
        head=_("Day"), unit=_("doses"), address=reverse(...),
    )

`line_chart`, `bar_chart` and `reports.charts.tile_map.region_map` answer a `Chart`.
`{% include "components/chart.html" with chart=chart only %}` shows it with its table and the link
to the table as CSV, which `table_csv(chart)` makes for the view behind `address`. The page loads
`jari/charts.css`.

`chart.svg` is safe HTML, and a whole SVG file too (light colours). `key` is the chart's id in its
page: letters, digits, underscores. Series are told apart by dashes, markers and hatching, not by
colour alone. A chart without values is drawn as words in the template.

The geometry is pygal's: pure Python and 10 ms a chart, against 60 MB of memory for matplotlib with
numpy; its inline style and script, which the portal's policy forbids, are left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from dataio.csv_out import csv_table
from reports.charts.plots import Plot, Series, draw
from reports.charts.svg import NO_DRAWING, NONE, shown
from reports.columns import guard

__all__ = ["Chart", "Series", "bar_chart", "check_key", "line_chart", "table_csv"]

_KEY = re.compile(r"[A-Za-z]\w*", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,3}(,\d{3})*(\.\d+)?")


@dataclass(frozen=True)
class Chart:
    """A drawn chart and the table that says the same."""

    key: str
    title: str
    summary: str  # the description for a screen reader, and a line below the title
    svg: SafeString
    width: int  # of the drawing, in its own units
    height: int
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # the first cell heads its row
    address: str = ""  # of the table as CSV
    note: str = ""  # how the numbers are to be read

    @property
    def empty(self) -> bool:
        """Whether there is no number to draw."""
        return not self.svg


def line_chart(
    key: str,
    title: str,
    *,
    labels: Sequence[str],
    series: Sequence[Series],
    summary: str = "",
    head: str = "",
    unit: str = "",
    decimals: int = 0,
    address: str = "",
    note: str = "",
) -> Chart:
    """A line for each series over labels at equal distances; `head` heads their column."""
    plot = _plot("line", key, title, labels, series, summary, unit, decimals)
    return _chart(plot, head=head, address=address, note=note)


def bar_chart(
    key: str,
    title: str,
    *,
    labels: Sequence[str],
    series: Sequence[Series],
    stacked: bool = False,
    across: bool = False,
    summary: str = "",
    head: str = "",
    unit: str = "",
    decimals: int = 0,
    address: str = "",
    note: str = "",
) -> Chart:
    """Bars for each label: one for each series beside the next, or `stacked`; `across` lays them
    down, for long labels."""
    kind = {
        (False, False): "bar",
        (True, False): "stacked",
        (False, True): "across",
        (True, True): "across-stacked",
    }[stacked, across]
    plot = _plot(kind, key, title, labels, series, summary, unit, decimals)
    return _chart(plot, head=head, address=address, note=note)


def _plot(
    kind: str,
    key: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    summary: str,
    unit: str,
    decimals: int,
) -> Plot:
    check_key(key)
    if any(len(values) != len(labels) for item in series for _, values in item.columns):
        raise ValueError(f"A series of {key} has not one value for each label.")
    return Plot(kind, key, title, summary, tuple(labels), tuple(series), unit, decimals)


def check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key of a chart.")


def _chart(plot: Plot, *, head: str, address: str, note: str) -> Chart:
    columns = [column for item in plot.series for column in item.columns]
    empty = all(value is None for _, values in columns for value in values)
    drawing = NO_DRAWING if empty else draw(plot)
    return Chart(
        key=plot.key,
        title=plot.title,
        summary=plot.summary,
        svg=drawing.svg,
        width=drawing.width,
        height=drawing.height,
        header=(head, *(name for name, _ in columns)),
        rows=tuple(
            (label, *(shown(values[number], plot.decimals) for _, values in columns))
            for number, label in enumerate(plot.labels)
        ),
        address=address,
        note=note,
    )


def table_csv(chart: Chart) -> bytes:
    """The table of a chart as CSV: numbers without separators, cells that a spreadsheet would run
    guarded as in exports."""
    header = [guard(cell) for cell in chart.header]
    rows = [[_plain(cell) for cell in row] for row in chart.rows]
    return csv_table([header, *rows])


def _plain(cell: str) -> str:
    if _NUMBER.fullmatch(cell):
        return cell.replace(",", "")
    return "" if cell == NONE else guard(cell)
