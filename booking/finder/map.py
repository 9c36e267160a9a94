"""The map of the finder: regions and districts as tiles, with what is left in each.

Regions have their tiles in dataio.region_tiles. The districts of a region are laid out by their
offices: rows from north to south, each from west to east.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from booking.finder import availability
from booking.finder.availability import TimedCache
from booking.models import SeatsLeft
from database.clock import known_now
from dataio.districts import centre_of
from dataio.region_tiles import COLUMNS, TILES

WIDTH, HEIGHT, GAP = 112, 72, 8  # of a tile, in units of the drawing
SHADES = 5
# Older sums are not shown: the job that makes them stands still, or no line is open.
OLD = timedelta(minutes=2)


@dataclass(frozen=True)
class Place:
    """A region or district to choose: its names, the query string of its page, open seats."""

    name: str
    short: str
    query: str
    left: int | None  # None: not known


@dataclass(frozen=True)
class Tile:
    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT
    place: Place
    x: int
    y: int
    shade: int | None  # 0 to SHADES - 1; None where nothing is left or known

    @property
    def middle(self) -> int:
        return self.x + WIDTH // 2


@dataclass(frozen=True)
class Map:
    tiles: list[Tile]
    columns: int
    rows: int

    @property
    def box(self) -> str:
        return f"0 0 {self.columns * (WIDTH + GAP)} {self.rows * (HEIGHT + GAP)}"


def map_of_regions(places: Sequence[Place]) -> Map:
    """`places` have the official names of regions."""
    drawn = [(place, TILES[place.name]) for place in places if place.name in TILES]
    spots = [(place, tile.column, tile.row) for place, tile in drawn]
    return _map(spots, COLUMNS)


def map_of_districts(region: str, places: Sequence[Place]) -> Map:
    """Districts whose office is not known come last."""
    nowhere = (-math.inf, math.inf)
    centres = {place.name: centre_of(region, place.name) or nowhere for place in places}
    columns = min(COLUMNS, max(1, len(places)))
    southwards = sorted(places, key=lambda place: (-centres[place.name][0], place.name))
    spots = []
    for first in range(0, len(southwards), columns):
        of_row = southwards[first : first + columns]
        eastwards = sorted(of_row, key=lambda place: (centres[place.name][1], place.name))
        spots += [(place, column, first // columns) for column, place in enumerate(eastwards)]
    return _map(spots, columns)


def _map(spots: Sequence[tuple[Place, int, int]], columns: int) -> Map:
    most = max((place.left or 0 for place, _column, _row in spots), default=0)
    tiles = [
        Tile(
            place,
            column * (WIDTH + GAP) + GAP // 2,
            row * (HEIGHT + GAP) + GAP // 2,
            min(place.left * SHADES // most, SHADES - 1) if place.left else None,
        )
        for place, column, row in spots
    ]
    rows = max((row for _place, _column, row in spots), default=-1) + 1
    return Map(tiles, columns, rows)


def _load_sums(keys: list[str]) -> dict[str, tuple[datetime, dict[str, Mapping[str, int]]] | None]:
    row = SeatsLeft.objects.values_list("at", "by_region").first()
    return dict.fromkeys(keys, row)


_sums: TimedCache[str, tuple[datetime, dict[str, Mapping[str, int]]] | None] = TimedCache(
    _load_sums, seconds=10.0
)
availability.all_caches.append(_sums)


def left_by_region(vaccines: frozenset[int] | None) -> dict[str, int]:
    """Open seats of these vaccines (None: of all) by region; {} where the sums are old."""
    sums = _sums.get(["all"])["all"]
    if sums is None or sums[0] < known_now() - OLD:
        return {}
    directory = availability.directory()
    codes = {
        vaccine.code
        for pk, vaccine in directory.vaccines.items()
        if vaccines is None or pk in vaccines
    }
    return {
        region: sum(seats for code, seats in by_code.items() if code in codes)
        for region, by_code in sums[1].items()
    }
