"""Charts: plain SVG that the portal's policy allows, and the table that says the same."""

import csv
import io
import re

import pytest
from defusedxml.ElementTree import fromstring
from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from dataio.districts import REGIONS
from dataio.region_tiles import TILES
from reports.charts import Chart, Series, bar_chart, line_chart, table_csv
from reports.charts.tile_map import region_map

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</svg><script>alert(1)</script>&"'
DAYS = [f"11.{day:02}" for day in range(1, 31)]
SERIES = [
    Series("Given", [100 * day for day in range(30)]),
    Series("Second", [None, *range(29)], low=[None, *range(29)], high=[None, *range(5, 34)]),
    Series("Plan", [3000] * 30, plan=True),
]


def charts() -> list[Chart]:
    few = [Series(item.name, item.values[:3], plan=item.plan) for item in SERIES]
    return [
        line_chart("lines", "Lines", labels=DAYS, series=SERIES, summary="Up.", unit="doses"),
        bar_chart("bars", "Bars", labels=DAYS[:3], series=few),
        bar_chart("stacked", "Stacked", labels=DAYS[:3], series=few, stacked=True),
        bar_chart("across", "Across", labels=["가" * 12, "b", "c"], series=few, across=True),
        region_map("map", "Map", {"서울특별시": 12.5, "부산광역시": 0}, unit="%", decimals=1),
    ]


def texts(chart: Chart) -> list[str]:
    return [node.text for node in fromstring(chart.svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("chart", charts(), ids=lambda chart: chart.key)
def test_a_chart_is_plain_svg_with_a_name(chart):
    root = fromstring(chart.svg)

    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == chart.title
    assert root.get("aria-labelledby") == root.find(f"{SVG}title").get("id")
    tags = {node.tag.removeprefix(SVG) for node in root.iter()}
    assert tags <= {
        "svg",
        "title",
        "desc",
        "g",
        "path",
        "rect",
        "text",
        "defs",
        "clipPath",
        "polygon",
    }
    attributes = {name for node in root.iter() for name in node.attrib}
    assert not {name for name in attributes if name == "style" or name.startswith("on")}
    # The style sheet knows each class by which a colour changes.
    sheet = (settings.BASE_DIR / "static/jari/charts.css").read_text(encoding="utf-8")
    names = {node.get("class") for node in root.iter()} - {
        None,
        "chart",
        "chart chart-map",
        "chart-on-tile",
    }
    assert {name for name in names if f".{name} " not in sheet} == set()


def test_ids_of_charts_in_one_page_differ():
    ids = re.findall(r'\bid="([^"]+)"', "".join(chart.svg for chart in charts()))

    assert len(ids) > 10
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"\w+", name) for name in ids)


def test_bars_are_as_high_as_their_values():
    chart = bar_chart("b", "Bars", labels=["a", "b"], series=[Series("one", [10, 40])])
    path = next(
        node.get("d") for node in fromstring(chart.svg).iter(f"{SVG}path")
        if node.get("class") == "chart-fill-1"
    )  # fmt: skip

    low, high = (abs(float(height)) for height in re.findall(r" v(-?[\d.]+)", path))

    assert high == pytest.approx(4 * low, rel=0.01)


def test_stacked_bars_stand_on_each_other():
    chart = bar_chart(
        "b", "Bars", labels=["a"], series=[Series("x", [30]), Series("y", [10])], stacked=True
    )
    root = fromstring(chart.svg)
    boxes = [
        re.search(r"M[\d.]+ ([\d.]+) h[\d.]+ v([\d.]+)", node.get("d")).groups()
        for node in root.iter(f"{SVG}path")
        if node.get("class") in ("chart-fill-1", "chart-fill-2")
    ][-2:]  # after those of the legend

    (lower_top, _), (upper_top, upper_height) = [tuple(map(float, box)) for box in boxes]

    assert upper_top + upper_height == pytest.approx(lower_top, abs=0.2)


def test_a_line_has_a_gap_where_a_value_is_missing():
    series = [Series("x", [1, 2, None, 3, 4])]
    root = fromstring(line_chart("l", "L", labels=list("abcde"), series=series).svg)

    lines = [node for node in root.iter(f"{SVG}path") if node.get("class") == "chart-line-1"]

    assert len(lines) == 2


def test_series_are_told_apart_without_colour():
    root = fromstring(charts()[0].svg)
    lines = [node for node in root.iter(f"{SVG}path") if "line" in (node.get("class") or "")]

    dashes = {node.get("class"): node.get("stroke-dasharray") for node in lines}

    assert len(dashes) == 3
    assert len(set(dashes.values())) == 3


def test_hostile_texts_stay_texts():
    chart = line_chart("l", HOSTILE, labels=[HOSTILE, "b"], series=[Series(HOSTILE, [1, 2])],
                       summary=HOSTILE, unit=HOSTILE)  # fmt: skip
    page = render_to_string("components/chart.html", {"chart": chart})

    assert "<script" not in page
    assert HOSTILE in texts(chart)


def test_the_table_says_what_the_chart_shows():
    chart = charts()[0]

    assert chart.header == ("", "Given", "Second", "Second ≥", "Second ≤", "Plan")
    assert chart.rows[0] == ("11.01", "0", "–", "–", "–", "3,000")
    assert chart.rows[29] == ("11.30", "2,900", "28", "28", "33", "3,000")


def test_a_table_as_csv_is_numbers_and_runs_no_formula():
    chart = line_chart("l", "L", labels=["=1+1", "b"], series=[Series("+x", [1234.5, None])],
                       head="Day", decimals=1)  # fmt: skip

    content = table_csv(chart)

    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows == [["Day", "'+x"], ["'=1+1", "1234.5"], ["b", ""]]


@pytest.mark.parametrize("values", [[], [None, None]])
def test_a_chart_without_values_is_words(values):
    labels = list("ab")[: len(values)]
    chart = line_chart("l", "L", labels=labels, series=[Series("x", values)])

    with translation.override("en"):
        page = render_to_string("components/chart.html", {"chart": chart})

    assert chart.empty
    assert "<svg" not in page
    assert "There are no numbers for this yet." in page


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"]])
def test_each_label_has_one_value(labels):
    with pytest.raises(ValueError, match="one value for each label"):
        line_chart("l", "L", labels=labels, series=[Series("x", [1, 2])])


def test_the_map_has_a_tile_for_each_region_of_the_country():
    assert sorted(TILES) == sorted(REGIONS)
    assert len({(tile.column, tile.row) for tile in TILES.values()}) == 17
    with translation.override("ko"):
        chart = region_map("m", "M", {"서울특별시": 12.5}, unit="%", decimals=1,
                           hidden={"세종특별자치시": "5명 미만"})  # fmt: skip

    shown = texts(chart)
    assert shown[shown.index("서울") + 1] == "12.5%"
    assert shown[shown.index("세종") + 1] == "5명 미만"
    assert shown[shown.index("제주") + 1] == "–"
    assert ("서울", "12.5") in chart.rows
