"""Parts of charts as plain SVG: text, shapes, hatching, markers, legends.

Colours and sizes are presentation attributes, which a policy without inline style allows and fpdf2
reads; classes let `jari/charts.css` change colours on dark pages. fpdf2 knows no patterns, only
ids of letters, digits and underscores, and clips in defs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from django.utils.safestring import SafeString, mark_safe

FONT = "Pretendard GOV, Malgun Gothic, Apple SD Gothic Neo, sans-serif"
SIZE = 16  # of text: eleven pixels where two charts stand beside each other
INK, QUIET, GUIDE, PAPER = "#1e2124", "#464c53", "#cdd1d5", "#ffffff"
NONE = "–"
LEGEND_ROW = 24
_SWATCH = 34  # its width with the distance to the text
_STEP = 7  # between lines of a hatching


def shown(value: float | None, decimals: int = 0) -> str:
    """`1,234`, `12.5`; a dash where there is no value."""
    return NONE if value is None else f"{value:,.{decimals}f}"


@dataclass(frozen=True)
class Look:
    """How a series is told apart: `dash` and `marker` of a line, `hatch` of bars."""

    name: str  # within classes
    colour: str
    dash: str = ""
    marker: str = ""
    hatch: str = ""


# The contrast of each colour to white is at least 4.5:1; in grey the rest tells them apart.
LOOKS = (
    Look("1", "#0b50d0", "", "circle", ""),
    Look("2", "#b04a00", "8 4", "square", "/"),
    Look("3", "#00705a", "2 4", "triangle", "-"),
    Look("4", "#7a3e9d", "12 4 2 4", "diamond", "\\"),
    Look("5", "#58616a", "5 3", "circle", "|"),
    Look("6", "#a1004b", "2 2", "square", "/\\"),
)
PLAN = Look("plan", INK, "6 5", "", "|")


@dataclass(frozen=True)
class Drawing:
    svg: SafeString
    width: int
    height: int


NO_DRAWING = Drawing(SafeString(), 0, 0)


def root_of(key: str, title: str, summary: str, width: int, height: int) -> ET.Element:
    """An empty picture that a screen reader announces by its title and description."""
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "class": "chart",
            "aria-labelledby": f"{key}_title",
            "font-family": FONT,
            "font-size": str(SIZE),
        },
    )
    ET.SubElement(root, "title", {"id": f"{key}_title"}).text = title
    if summary:
        root.set("aria-describedby", f"{key}_desc")
        ET.SubElement(root, "desc", {"id": f"{key}_desc"}).text = summary
    return root


def finished(root: ET.Element, width: int, height: int) -> Drawing:
    # ElementTree escapes texts and attributes: the result may stand in a page.
    return Drawing(mark_safe(ET.tostring(root, encoding="unicode")), width, height)  # noqa: S308


def shape(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    """An element; `stroke_width` is the attribute stroke-width, `class_` is class."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return ET.SubElement(parent, tag, named)


def write(parent: ET.Element, x: float, y: float, text: str, **attributes: str) -> None:
    given = {"fill": INK, "class_": "chart-ink", **attributes}
    shape(parent, "text", x=f"{x:.1f}", y=f"{y:.1f}", **given).text = text


def text_width(text: str, size: float = SIZE) -> float:
    """About how wide a text is: Hangul as wide as high, Latin a little more than half of it."""
    return size * sum(1.0 if ord(letter) >= 0x1100 else 0.58 for letter in text)


def draw_line(parent: ET.Element, path: str, look: Look) -> None:
    line = shape(
        parent,
        "path",
        d=path,
        fill="none",
        stroke=look.colour,
        stroke_width="2.5",
        class_=f"chart-line-{look.name}",
    )
    if look.dash:
        line.set("stroke-dasharray", look.dash)


# In circles for arcs: a whole arc has no direction.
_MARKERS = {
    "circle": "M{left} {y} a4 4 0 1 0 8 0 a4 4 0 1 0 -8 0 z",
    "square": "M{left} {top} h8 v8 h-8 z",
    "triangle": "M{x} {top} l5 8 h-10 z",
    "diamond": "M{x} {top} l5 4.5 l-5 4.5 l-5 -4.5 z",
}


def draw_markers(parent: ET.Element, places: Sequence[tuple[float, float]], look: Look) -> None:
    if not places or not look.marker:
        return
    path = " ".join(
        _MARKERS[look.marker].format(
            x=f"{x:.1f}", y=f"{y:.1f}", left=f"{x - 4:.1f}", top=f"{y - 4.5:.1f}"
        )
        for x, y in places
    )
    shape(parent, "path", d=path, fill=look.colour, class_=f"chart-fill-{look.name}")


# x, y, width, height
Box = tuple[float, float, float, float]


def draw_boxes(parent: ET.Element, clip: str, boxes: Sequence[Box], look: Look) -> None:
    """Filled boxes, hatched as the look says; `clip` is an id for what keeps the lines inside."""
    if not boxes:
        return
    path = " ".join(f"M{x:.1f} {y:.1f} h{w:.1f} v{h:.1f} h{-w:.1f} z" for x, y, w, h in boxes)
    shape(parent, "path", d=path, fill=look.colour, class_=f"chart-fill-{look.name}")
    if not look.hatch:
        return
    clipping = shape(shape(parent, "defs"), "clipPath", id=clip)
    shape(clipping, "polygon", points=_one_polygon(boxes))
    shape(
        parent,
        "path",
        d=" ".join(_hatching(direction, boxes) for direction in look.hatch),
        clip_path=f"url(#{clip})",
        fill="none",
        stroke=PAPER,
        stroke_width="1.6",
        class_="chart-hatch",
    )


def _one_polygon(boxes: Sequence[Box]) -> str:
    """The corners of all boxes, one after the other and back: fpdf2 clips by one polygon only. The
    ways between the boxes are gone twice and enclose nothing."""
    corners = [
        corner
        for x, y, w, h in boxes
        for corner in ((x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y))
    ]
    corners += [(x, y) for x, y, _w, _h in reversed(boxes)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _hatching(direction: str, boxes: Sequence[Box]) -> str:
    """Lines in this direction over all that the boxes cover."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    wide, high = math.ceil(right - left), math.ceil(bottom - top)
    if direction == "-":
        lines = [f"M{left:.0f} {top + at:.0f}h{wide}" for at in range(3, high, _STEP)]
    elif direction == "|":
        lines = [f"M{left + at:.0f} {top:.0f}v{high}" for at in range(3, wide, _STEP)]
    else:
        rise = -high if direction == "/" else high
        start = bottom if direction == "/" else top
        ats = range(-high, wide, _STEP + 2)
        lines = [f"M{left + at:.0f} {start:.0f}l{high} {rise}" for at in ats]
    return "".join(lines)


def legend_rows(names: Sequence[str], width: float) -> list[list[int]]:
    """The numbers of the series in each row of the legend; none for a single series."""
    rows: list[list[int]] = []
    room = 0.0
    for number, name in enumerate(names):
        needed = _SWATCH + text_width(name) + 20
        if not rows or room < needed:
            rows.append([])
            room = width
        rows[-1].append(number)
        room -= needed
    return rows


def draw_legend(
    parent: ET.Element, key: str, names: Sequence[str], looks: Sequence[Look], *,
    width: float, lines: bool,
) -> None:  # fmt: skip
    for row, numbers in enumerate(legend_rows(names, width)):
        x, y = 4.0, row * LEGEND_ROW + 12.0
        for number in numbers:
            look = looks[number]
            if lines:
                draw_line(parent, f"M{x:.1f} {y} h26", look)
                draw_markers(parent, [(x + 13, y)], look)
            else:
                draw_boxes(parent, f"{key}_l{number}", [(x + 3, y - 8, 22, 16)], look)
            write(parent, x + _SWATCH, y + 5, names[number])
            x += _SWATCH + text_width(names[number]) + 20
