"""The 17 regions as tiles of equal size, roughly where the regions are: our own drawing.

Equal tiles give Sejong as much room as Gyeonggi, and need no data of anybody else's.
"""

from typing import NamedTuple

from web.language import reads_korean


class RegionTile(NamedTuple):
    """The short names of a region, and where its tile stands, from the upper left."""

    ko: str
    en: str
    column: int
    row: int


TILES = {
    "인천광역시": RegionTile("인천", "Incheon", 0, 0),
    "서울특별시": RegionTile("서울", "Seoul", 1, 0),
    "경기도": RegionTile("경기", "Gyeonggi", 2, 0),
    "강원특별자치도": RegionTile("강원", "Gangwon", 3, 0),
    "충청남도": RegionTile("충남", "Chungnam", 0, 1),
    "세종특별자치시": RegionTile("세종", "Sejong", 1, 1),
    "충청북도": RegionTile("충북", "Chungbuk", 2, 1),
    "경상북도": RegionTile("경북", "Gyeongbuk", 3, 1),
    "전북특별자치도": RegionTile("전북", "Jeonbuk", 0, 2),
    "대전광역시": RegionTile("대전", "Daejeon", 1, 2),
    "대구광역시": RegionTile("대구", "Daegu", 2, 2),
    "울산광역시": RegionTile("울산", "Ulsan", 3, 2),
    "광주광역시": RegionTile("광주", "Gwangju", 0, 3),
    "전라남도": RegionTile("전남", "Jeonnam", 1, 3),
    "경상남도": RegionTile("경남", "Gyeongnam", 2, 3),
    "부산광역시": RegionTile("부산", "Busan", 3, 3),
    "제주특별자치도": RegionTile("제주", "Jeju", 0, 4),
}
COLUMNS = 4


def short_name(region: str) -> str:
    """The region's name on a tile, in the reader's language."""
    tile = TILES.get(region)
    if tile is None:
        return region
    return tile.ko if reads_korean() else tile.en
