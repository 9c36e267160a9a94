"""Tiles: a log as static files (C2SP tlog-tiles).

A tile of level l holds up to 256 hashes, each the root of a complete subtree of 256**l entries.
All of them are already stored with the pages: entry n (from 1) has the roots of the complete
subtrees that end with it (waiting_room.merkle.nodes_ending_with).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from waiting_room.merkle import HASH, Read

WIDTH = 256
_HEIGHT = 8  # of the subtree that a tile stands for
MOST_BYTES = 0xFFFF  # of an entry, whose length is written in two bytes
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, order=True)
class Tile:
    """One file: hashes of a level, or with level None a bundle of entries; width 1 to 256."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        level = "entries" if self.level is None else self.level
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_index_path(self.index)}{partial}"

    @classmethod
    def parse(cls, path: str) -> "Tile | None":
        """The tile at this path; None unless the path is in canonical form."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        level = None if match["level"] == "entries" else int(match["level"])
        index = int(match["index"].replace("x", "").replace("/", ""))
        tile = cls(level, index, int(match["width"] or WIDTH))
        return tile if tile.path == path and tile.width <= WIDTH else None

    def exists_in(self, size: int) -> bool:
        """Whether a log of `size` entries, or of fewer before, has or had this tile."""
        end = (self.index * WIDTH + self.width) * WIDTH ** (self.level or 0)
        return (self.level or 0) < 64 // _HEIGHT and end <= size

    def numbers(self) -> range:
        """The entries, from 1, with which the subtrees of this tile end."""
        step = WIDTH ** (self.level or 0)
        first = self.index * WIDTH + 1
        return range(first * step, (first + self.width) * step, step)


def _index_path(index: int) -> str:
    """Groups of three digits, all but the last after an "x": 1234067 is x001/x234/067."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    return "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])


def hashes_of(tile: Tile, read: Read) -> bytes:
    """The bytes of a tile of hashes."""
    if tile.level is None:
        raise ValueError("A bundle of entries holds no hashes.")
    start = tile.level * _HEIGHT * HASH
    stored = read(set(tile.numbers()))
    return b"".join(stored[number][start : start + HASH] for number in tile.numbers())


def bundle(entries: Iterable[bytes]) -> bytes:
    """The bytes of a bundle: each entry after its length, in two bytes."""
    parts = []
    for entry in entries:
        if len(entry) > MOST_BYTES:
            raise ValueError(f"An entry of {len(entry)} bytes does not fit into a bundle.")
        parts += [len(entry).to_bytes(2), entry]
    return b"".join(parts)


def tiles_between(old: int, new: int) -> list[Tile]:
    """The tiles to write when a log grows from `old` to `new` entries: those that became full,
    and the partial ones at its right edge."""
    tiles: list[Tile] = []
    for level in (None, *range(64 // _HEIGHT)):
        step = WIDTH ** (level or 0)
        before, after = old // step, new // step
        if after == before:
            continue
        tiles += [Tile(level, index) for index in range(before // WIDTH, after // WIDTH)]
        if after % WIDTH:
            tiles.append(Tile(level, after // WIDTH, after % WIDTH))
    return tiles
