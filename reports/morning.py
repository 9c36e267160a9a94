"""The dashboard as PDF: the morning report of an area."""

from datetime import date, timedelta
from io import BytesIO
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from fpdf.fonts import FontFace

from reports.charts import Chart
from reports.dashboard import Figures, Scope
from reports.dashboard_charts import charts_of
from web.pdf import FAMILY, document

# As an export of a schedule, with its version.
NAME, VERSION = "morning-report", 1
_MARGIN = 15  # mm on A4
_WIDTH = 210 - 2 * _MARGIN
_BOTTOM = 297 - _MARGIN
_LINE = 5
DAYS = 14  # that end yesterday
MOST_ROWS = 20  # of a table in print; the CSV has all
# Of an SVG: the document has its font in one weight.
_WEIGHT = ' font-weight="bold"'


def scope_of_morning(region: str, today: date) -> Scope:
    """The scope of the report that is made in the morning of `today`."""
    yesterday = today - timedelta(days=1)
    return Scope(
        region=region,
        first=yesterday - timedelta(days=DAYS - 1),
        last=yesterday,
        today=today,
    )


def report(scope: Scope, language: str) -> bytes:
    """The report of the scope as the bytes of a PDF, from the figures that were counted last."""
    with translation.override(language):
        figures = Figures(scope)
        title = _("Morning report, %(area)s") % {"area": scope.area_name}
        pdf = document(title)
        pdf.set_lang("ko-KR" if language == "ko" else "en")
        pdf.set_margin(_MARGIN)
        pdf.set_auto_page_break(True, margin=_MARGIN)
        pdf.add_page()
        _write(pdf, title, size=18)
        _write(pdf, f"{scope.first} – {scope.last}", size=11)
        _write(pdf, counted_words(figures), size=9)
        for chart in charts_of(figures, lambda key: ""):
            _add(pdf, chart)
        return bytes(pdf.output())


def counted_words(figures: Figures) -> str:
    """Of which moment the figures are."""
    at = figures.counted_at
    if at is None:
        return _("The figures have not been counted yet.")
    return _("Figures as of %(at)s.") % {"at": f"{timezone.localtime(at):%Y-%m-%d %H:%M}"}


def _write(pdf: Any, text: str, *, size: float) -> None:
    pdf.set_font(FAMILY, size=size)
    pdf.multi_cell(_WIDTH, size * 0.5, text, new_x="LMARGIN", new_y="NEXT", align="L")


def _add(pdf: Any, chart: Chart) -> None:
    """A chart with what is said about it, and its table if it is short."""
    wide = 120.0
    high = wide * chart.height / chart.width if chart.width else 0
    if pdf.get_y() + high + 6 * _LINE > _BOTTOM:
        pdf.add_page()
    pdf.ln(3)
    _write(pdf, chart.title, size=13)
    if chart.summary:
        _write(pdf, chart.summary, size=9)
    if chart.empty:
        _write(pdf, _("There are no numbers for this yet."), size=9)
    else:
        pdf.ln(1)
        svg = chart.svg.replace(_WEIGHT, "")
        pdf.image(BytesIO(svg.encode()), x=_MARGIN, w=wide, h=high, alt_text=chart.title)
        pdf.ln(1)
    if chart.note:
        _write(pdf, chart.note, size=8)
    if chart.rows:
        _add_table(pdf, chart)


def _add_table(pdf: Any, chart: Chart) -> None:
    pdf.ln(1)
    pdf.set_font(FAMILY, size=8)
    with pdf.table(
        width=_WIDTH, line_height=4.2, text_align=("LEFT", *["RIGHT"] * (len(chart.header) - 1))
        if len(chart.header) > 1 else "LEFT",
        headings_style=_heading(), repeat_headings=1, borders_layout="HORIZONTAL_LINES",
    ) as table:  # fmt: skip
        for cells in (chart.header, *chart.rows[-MOST_ROWS:]):
            row = table.row()
            for text in cells:
                row.cell(text)
    if len(chart.rows) > MOST_ROWS:
        _write(pdf, _("The last %(rows)s rows.") % {"rows": MOST_ROWS}, size=8)


def _heading() -> Any:
    return FontFace(emphasis="", fill_color=(237, 241, 249))
