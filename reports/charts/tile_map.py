"""A map of the 17 regions as tiles of equal size (dataio.region_tiles).

Each tile has the region's name and number; its shade only repeats the number.
"""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from dataio.districts import REGIONS
from dataio.region_tiles import TILES, RegionTile, short_name
from reports.charts import Chart, check_key
from reports.charts.svg import (
    INK,
    NO_DRAWING,
    NONE,
    PAPER,
    QUIET,
    Drawing,
    finished,
    root_of,
    shape,
    shown,
    text_width,
    write,
)

# From light to dark, so that the order stays in grey; the last two take white letters.
_SHADES = ("#edf1f9", "#c9d8f4", "#8fb1ec", "#2f66cf", "#0a3a94")
_TILE, _GAP = 116, 6
WIDTH = 4 * (_TILE + _GAP) + 2
_HIGH = 76  # of a tile
# On a phone of 360 px a map has 320: names of 13 px there, numbers of 15, others at least 10.
_NAME, _NUMBER, _LONG = 20, 24, 16
HEIGHT = 5 * (_HIGH + _GAP) + 2


def region_map(
    key: str,
    title: str,
    values: Mapping[str, float | None],
    *,
    summary: str = "",
    head: str = "",
    measure: str = "",
    unit: str = "",
    decimals: int = 0,
    top: float | None = None,
    address: str = "",
    note: str = "",
    hidden: Mapping[str, str] | None = None,
) -> Chart:
    """The map of a number for each region, by its official name; missing ones have a dash.

    `measure` heads the numbers in the table, `unit` (as "%") follows them on the tiles. The
    darkest shade is that of `top`, by default of the largest value. `hidden` are words in place of
    numbers that are not published.
    """
    check_key(key)
    numbers = {region: values.get(region) for region in REGIONS}
    words = dict(hidden or {})
    texts = {
        region: words.get(region) or (shown(value, decimals) if value is not None else NONE)
        for region, value in numbers.items()
    }
    if all(text == NONE for text in texts.values()):
        drawing = NO_DRAWING
    else:
        drawing = _draw(key, title, summary, numbers, texts, unit, top)
    return Chart(
        key=key,
        title=title,
        summary=summary,
        svg=drawing.svg,
        width=drawing.width,
        height=drawing.height,
        header=(head, f"{measure} ({unit})" if unit else measure),
        rows=tuple((short_name(region), texts[region]) for region in REGIONS),
        address=address,
        note=note,
    )


def _draw(
    key: str,
    title: str,
    summary: str,
    values: Mapping[str, float | None],
    texts: Mapping[str, str],
    unit: str,
    top: float | None,
) -> Drawing:
    root = root_of(key, title, summary, WIDTH, HEIGHT)
    root.set("class", "chart chart-map")
    given = [value for value in values.values() if value is not None]
    most = (max(given, default=0.0) if top is None else top) or 1.0
    for region, tile in TILES.items():
        value = values[region]
        shade = None if value is None else _shade(value / most)
        text = texts[region]
        shown_text = text if value is None else f"{text}{unit}"
        _draw_tile(root, tile, short_name(region), shown_text, shade)
    return finished(root, WIDTH, HEIGHT)


def _shade(share: float) -> int:
    return min(max(int(share * len(_SHADES)), 0), len(_SHADES) - 1)


def _draw_tile(root: ET.Element, tile: RegionTile, name: str, text: str, shade: int | None) -> None:
    x, y = 1 + tile.column * (_TILE + _GAP), 1 + tile.row * (_HIGH + _GAP)
    box = {"x": f"{x}", "y": f"{y}", "width": f"{_TILE}", "height": f"{_HIGH}", "rx": "6"}
    if shade is None:
        # Dashed rather than a shade: no number is not a small number.
        shape(root, "rect", **box, fill=PAPER, stroke=QUIET, stroke_dasharray="4 3",
              class_="chart-tile-none")  # fmt: skip
        ink, kind = INK, "chart-ink"
    else:
        shape(root, "rect", **box, fill=_SHADES[shade], stroke=QUIET, stroke_width="1")
        ink, kind = (PAPER if shade > 2 else INK), "chart-on-tile"
    middle = x + _TILE / 2
    write(root, middle, y + 29, name, text_anchor="middle", fill=ink, class_=kind,
          font_size=str(_NAME))  # fmt: skip
    size = _NUMBER if text_width(text, _NUMBER) < _TILE - 8 else _LONG
    write(root, middle, y + 59, text, text_anchor="middle", fill=ink, class_=kind,
          font_size=str(size), font_weight="bold")  # fmt: skip
