"""One part of `python -m bench`, which starts this: notes and pictures go into a folder."""

import argparse
import signal
import sys
from pathlib import Path

from bench.figures import Picture, Size, note
from bench.parts import PARTS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.parts")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--to", type=Path, required=True, help="a folder")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    # Unwinds what is open, so that servers and services are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    size = Size(quick=options.quick, large=options.large)
    for figure in PARTS[options.part].measure(size):
        note(options.to / "notes", figure)
        if isinstance(figure, Picture):
            draw(figure, options.to)


def draw(picture: Picture, folder: Path) -> None:
    # Of the portal's own charts, which need Django: each part has set it up by now.
    from django.utils import translation

    from reports.charts import Series, line_chart

    with translation.override("en"):
        chart = line_chart(
            "bench_" + picture.key.replace("-", "_"), picture.title, labels=picture.labels,
            series=[Series(name, values) for name, values in picture.series.items()],
            head=picture.head, unit=picture.unit, decimals=picture.decimals,
        )  # fmt: skip
    # White behind it: readers of the document may have a dark page.
    paper = '</title><rect width="100%" height="100%" fill="#ffffff"/>'
    (folder / picture.file).write_text(str(chart.svg).replace("</title>", paper, 1))


if __name__ == "__main__":
    main()
