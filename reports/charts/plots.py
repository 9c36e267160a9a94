"""Lines and bars: pygal lays them out (scale, ticks, stacks), and what it laid out is written as
plain SVG, without its style sheet, script and tooltips."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from pygal.style import Style

from reports.charts.svg import (
    GUIDE,
    LEGEND_ROW,
    LOOKS,
    PLAN,
    QUIET,
    SIZE,
    Drawing,
    Look,
    draw_boxes,
    draw_legend,
    draw_line,
    draw_markers,
    finished,
    legend_rows,
    root_of,
    shape,
    shown,
    text_width,
    write,
)

# pygal puts an import hook of Python 2 into the process for plugins with maps, which there are none
# of: each import that finds nothing would warn of it.
sys.meta_path[:] = [
    finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)
]

WIDTH, HEIGHT = 640, 320
_BAR = 30  # of a bar across with its distance to the next one
_MOST_LABELS = 8  # below an axis
_MOST_MARKERS = 16  # on a line


@dataclass(frozen=True)
class Series:
    """One line or one kind of bars, a value for each label; None leaves a gap.

    `plan` is what was aimed at or is expected: drawn plain and dashed. `low` and `high` are a range
    of a line, drawn as an area.
    """

    name: str
    values: Sequence[float | None]
    plan: bool = False
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()

    @property
    def columns(self) -> list[tuple[str, Sequence[float | None]]]:
        """What the table has of it."""
        columns = [(self.name, self.values)]
        if self.low:
            columns += [(f"{self.name} ≥", self.low), (f"{self.name} ≤", self.high)]
        return columns


@dataclass(frozen=True)
class Plot:
    """What is drawn. Its kind is one of `_KINDS`."""

    kind: str
    key: str
    title: str
    summary: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    decimals: int = 0

    @property
    def across(self) -> bool:
        return self.kind.startswith("across")

    @cached_property
    def looks(self) -> list[Look]:
        """By the order of the series that are no plan, so that a plan changes no other look."""
        looks = iter(LOOKS * (len(self.series) // len(LOOKS) + 1))
        return [PLAN if item.plan else next(looks) for item in self.series]


_KINDS: dict[str, Any] = {
    "line": pygal.Line,
    "bar": pygal.Bar,
    "stacked": pygal.StackedBar,
    "across": pygal.HorizontalBar,
    "across-stacked": pygal.HorizontalStackedBar,
}


def draw(plot: Plot) -> Drawing:
    names = [item.name for item in plot.series] if len(plot.series) > 1 else []
    top = LEGEND_ROW * len(legend_rows(names, WIDTH)) + (LEGEND_ROW if plot.unit else 8)
    height = HEIGHT
    if plot.across:
        bars = 1 if plot.kind == "across-stacked" else len(plot.series)
        height = top + 40 + len(plot.labels) * max(_BAR, 16 * bars + 12)
    root = root_of(plot.key, plot.title, plot.summary, WIDTH, height)
    draw_legend(root, plot.key, names, plot.looks, width=WIDTH, lines=plot.kind == "line")
    layout = _Layout(plot, top, height)
    area = shape(root, "g", transform=f"translate({layout.left:g} {layout.top:g})")
    if plot.unit:
        x = 0 if plot.across else 4 - layout.left
        write(area, x, -10, plot.unit, fill=QUIET, class_="chart-quiet")
    _draw_axes(area, layout, across=plot.across)
    if plot.kind == "line":
        _draw_lines(area, plot, layout)
    else:
        for number, look in enumerate(plot.looks):
            draw_boxes(area, f"{plot.key}_b{number}", layout.boxes(number), look)
    return finished(root, WIDTH, height)


class _Layout:
    """What pygal's tree says about where things are."""

    def __init__(self, plot: Plot, top: int, height: int) -> None:
        chart = _KINDS[plot.kind](**_options(plot, top, height))
        # The first bar across would be the lowest.
        order = slice(None, None, -1) if plot.across else slice(None)
        chart.x_labels = plot.labels[order]
        for item in plot.series:
            for values in (item.values, item.low, item.high):
                if values:
                    chart.add(item.name, values[order])
        tree: ET.Element = chart.render_tree()
        self.plots = [node for node in tree.iter("g") if "plot" in _classes(node)]
        moved = self.plots[0].get("transform", "")[len("translate(") : -1].split(",")
        self.left, self.top = map(float, moved)

    def axis(self, name: str) -> Iterator[ET.Element]:
        """The groups of a guide and its label."""
        for group in self.plots[0]:
            if {"axis", name} <= set(_classes(group)):
                yield from _having(group, "guides")

    def _of_series(self, number: int, name: str) -> Iterator[ET.Element]:
        for plot in self.plots:
            for group in _having(plot, f"serie-{number}"):
                yield from _having(group, name)

    def boxes(self, number: int) -> list[tuple[float, float, float, float]]:
        return [
            (_number(node, "x"), _number(node, "y"), _number(node, "width"),
             _number(node, "height"))
            for node in self._of_series(number, "rect")
        ]  # fmt: skip

    def paths(self, number: int) -> list[str]:
        """The lines between gaps."""
        return [_short(node.get("d", "")) for node in self._of_series(number, "line")]

    def dots(self, number: int) -> list[tuple[float, float]]:
        return [
            (_number(node, "cx"), _number(node, "cy")) for node in self._of_series(number, "dot")
        ]


def _options(plot: Plot, top: int, height: int) -> dict[str, Any]:
    room = 0.0
    if plot.across:
        # pygal takes every letter for a Latin one when it makes room at the left.
        widest = max((text_width(label) for label in plot.labels), default=0)
        longest = max((len(label) for label in plot.labels), default=0)
        room = max(widest - 0.6 * SIZE * longest, 0)
    every = 1 if plot.across else -(-len(plot.labels) // _MOST_LABELS)
    return {
        "width": WIDTH,
        "height": height,
        "style": Style(label_font_size=SIZE, major_label_font_size=SIZE),
        "margin_top": top,
        "margin_right": 24,
        "margin_bottom": 8,
        "margin_left": 8 + room,
        "show_legend": False,
        "truncate_label": -1,
        "js": [],
        "include_x_axis": True,
        "min_scale": 3,
        "max_scale": 6,
        # No ticks between whole numbers.
        "order_min": -plot.decimals,
        "value_formatter": lambda value: shown(value, plot.decimals),
        "show_minor_x_labels": plot.across,
        "x_labels_major_every": max(every, 1),
        "allow_interruptions": True,
    }


def _draw_axes(area: ET.Element, layout: _Layout, *, across: bool) -> None:
    """Labels of both axes, and the guides of the numbers."""
    for name, anchor in (("y", "end"), ("x", "middle")):
        for group in layout.axis(name):
            path, text = group.find("path"), group.find("text")
            if text is None:
                continue
            if path is not None and (name == "x") == across:
                is_zero = text.text == "0"
                shape(
                    area,
                    "path",
                    d=_short(path.get("d", "")),
                    stroke=QUIET if is_zero else GUIDE,
                    class_="chart-axis" if is_zero else "chart-guide",
                )
            y = _number(text, "y") + (3 if name == "x" else 0)
            write(area, _number(text, "x"), y, text.text or "", text_anchor=anchor)


def _draw_lines(area: ET.Element, plot: Plot, layout: _Layout) -> None:
    number = 0  # of pygal's series: a range takes two more
    for item, look in zip(plot.series, plot.looks, strict=True):
        if item.low:
            _draw_range(area, layout.paths(number + 1), layout.paths(number + 2), look)
        for path in layout.paths(number):
            draw_line(area, path, look)
        dots = layout.dots(number)
        # From the end: the newest value always has its marker.
        draw_markers(area, dots[:: -max(-(-len(dots) // _MOST_MARKERS), 1)], look)
        number += 3 if item.low else 1


def _draw_range(area: ET.Element, low: Sequence[str], high: Sequence[str], look: Look) -> None:
    for below, above in zip(low, high, strict=True):
        words = [word.lstrip("ML") for word in below.split()]
        points = zip(words[::2], words[1::2], strict=True)
        back = " ".join(f"{x} {y}" for x, y in reversed(list(points)))
        shape(
            area,
            "path",
            d=f"{above} L{back} z",
            fill=look.colour,
            fill_opacity="0.2",
            class_=f"chart-fill-{look.name}",
        )


def _classes(node: ET.Element) -> list[str]:
    return node.get("class", "").split()


def _having(parent: ET.Element, name: str) -> Iterator[ET.Element]:
    return (node for node in parent.iter() if name in _classes(node))


def _number(node: ET.Element, name: str) -> float:
    return float(node.get(name, "0"))


def _short(path: str) -> str:
    """The path with one decimal instead of pygal's six."""
    words = []
    for word in path.split():
        letter = word[0] if word[0].isalpha() else ""
        words.append(f"{letter}{float(word[len(letter) :]):.1f}")
    return " ".join(words)
