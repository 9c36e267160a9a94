"""The evening's report as CSV and PDF."""

import io
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from fpdf.enums import TableBordersLayout
from fpdf.fonts import FontFace

from dataio.csv_out import csv_table
from reports.evening_page import ReportShown, Table, by_minute, moment
from reports.models import EveningReport
from web.pdf import FAMILY, document

COLUMNS = ("joined", "called", "waiting", "entered", "inside", "ran_out", "booked", "answer")
# Columns that only the database knows; all others follow from the public log.
STORED = ("booked", "answer")
# Settings and reasons are what is long.
_ACT_WIDTHS = (13, 15, 13, 20, 20, 19)
_INK, _QUIET = (30, 33, 36), (70, 76, 83)


def curves_csv(report: EveningReport) -> bytes:
    """A row for each minute in which something happened, times in Seoul; UTF-8 with BOM."""
    # Only numbers and times of ours: no cell could be run by a spreadsheet.
    heads = ["minute", *(f"{name}_db" if name in STORED else name for name in COLUMNS)]
    rows = []
    for at, values in by_minute(report).items():
        cells = [values.get(name, "" if name == "answer" else 0) for name in COLUMNS]
        rows.append([moment(at).isoformat(timespec="minutes"), *cells])
    return csv_table([heads, *rows])


def report_pdf(shown: ReportShown) -> bytes:
    """The report on A4 pages in the active language."""
    title = _("Report of the evening: %(room)s") % {"room": shown.report.room}
    pdf = document(title)
    pdf.set_margin(18)
    pdf.set_auto_page_break(True, margin=18)
    pdf.add_page()
    _text(pdf, title, size=18)
    opened = f"{moment_text(shown.report.room.cohort.opens_at)} · {_state(shown)}"
    _text(pdf, opened, size=9, quiet=True)
    root = _("Public log: %(pages)s pages, root %(root)s")
    values = {"pages": f"{shown.report.log_pages:,}", "root": shown.report.log_root}
    _text(pdf, root % values, size=8, quiet=True)
    _figures(pdf, shown)
    for chart in shown.charts:
        _chart(pdf, chart)
    _tables(pdf, shown)
    return bytes(pdf.output())


def moment_text(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"


def _state(shown: ReportShown) -> str:
    at = {"at": moment_text(shown.report.made_at)}
    if shown.report.is_final:
        return _("made %(at)s, when the line was over") % at
    return _("made %(at)s, while the line went on") % at


def _text(pdf: Any, text: str, *, size: float, quiet: bool = False, gap: float = 1) -> None:
    pdf.set_font(FAMILY, size=size)
    pdf.set_text_color(*(_QUIET if quiet else _INK))
    pdf.multi_cell(0, text=text, new_x="LMARGIN", new_y="NEXT", h=size * 0.5)
    pdf.ln(gap)


def _figures(pdf: Any, shown: ReportShown) -> None:
    for title, figures in (
        (_("From the public log, which anybody can check"), shown.public_figures),
        (_("From the database"), shown.stored_figures),
    ):
        _text(pdf, title, size=12, gap=0.5)
        rows = [list(figure) for figure in figures]
        # Two figures beside each other.
        half = -(-len(rows) // 2)
        pairs = [
            rows[n] + (rows[n + half] if n + half < len(rows) else ["", ""]) for n in range(half)
        ]
        _table(pdf, None, pairs, widths=(30, 20, 30, 20))


def _chart(pdf: Any, chart: Any) -> None:
    # A picture is not broken over two pages, and its title stays with it.
    if chart.empty:
        return
    width = pdf.epw
    height = width * chart.height / chart.width
    if pdf.will_page_break(height + 8):
        pdf.add_page()
    _text(pdf, chart.title, size=12, gap=0.5)
    pdf.image(io.BytesIO(chart.svg.encode()), x=pdf.l_margin, y=pdf.get_y(), w=width)
    pdf.set_y(pdf.get_y() + height + 3)


def tables_of(shown: ReportShown) -> list[Table]:
    """The tables of the page, as they are printed."""
    effects = [
        [
            f"{row.at:%m-%d %H:%M:%S}",
            row.limits,
            f"{row.waiting:,}",
            f"{row.called_before:.1f} → {row.called_after:.1f}",
        ]
        for row in shown.effects
    ]
    of_pace = Table(
        _("What each change of pace did"),
        [_("When"), _("Limits"), _("Waiting"), _("Called per minute, 10 minutes before → after")],
        effects,
        _("The pace was not changed."),
    )
    return [of_pace, *shown.tables, _acts(shown)]


def _tables(pdf: Any, shown: ReportShown) -> None:
    for table in tables_of(shown):
        if pdf.will_page_break(25):
            pdf.add_page()
        _text(pdf, table.title, size=12, gap=0.5)
        if table.rows:
            _table(pdf, table.heads, table.rows, widths=table.widths)
        else:
            _text(pdf, table.empty, size=9, quiet=True)


def _acts(shown: ReportShown) -> Table:
    rows = [
        [
            f"{act['at']:%m-%d %H:%M:%S}",
            act["actor"],
            str(act["act"]),
            act["before"],
            act["after"],
            act["reason"] or "–",
        ]
        for act in shown.acts
    ]
    heads = [_("When"), _("Who"), _("What"), _("Before"), _("After"), _("Reason")]
    return Table(_("What operators did"), heads, rows, _("Nothing."), _ACT_WIDTHS)


def _table(pdf: Any, heads: list[str] | None, rows: list[list[str]], *, widths: Any = None) -> None:
    pdf.set_font(FAMILY, size=9)
    pdf.set_text_color(*_INK)
    with pdf.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        first_row_as_headings=heads is not None,
        headings_style=FontFace(emphasis="", color=_QUIET),
        line_height=5,
        col_widths=widths,
        text_align="LEFT",
    ) as table:
        for row in [*([heads] if heads else []), *rows]:
            cells = table.row()
            for cell in row:
                cells.cell(cell)
    pdf.ln(3)
