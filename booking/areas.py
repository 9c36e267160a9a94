"""Where somebody on the cancellation list would come: to one clinic, or anywhere in a district.

An entry keeps areas as keys in one array, so that one index finds them: `c:12` is a clinic,
`d:서울특별시/강남구` a district.
"""

from dataclasses import dataclass

# The keys of a clinic's areas in SQL, from a row `clinic`: the twin of `keys_of`.
KEYS_OF_CLINIC = """ARRAY[
    'c:' || clinic.id, 'd:' || clinic.region || '/' || clinic.district
]::varchar[]"""


@dataclass(frozen=True)
class Area:
    """A clinic, or else a district."""

    clinic_id: int | None = None
    region: str = ""
    district: str = ""

    @property
    def key(self) -> str:
        if self.clinic_id is not None:
            return f"c:{self.clinic_id}"
        return f"d:{self.region}/{self.district}"

    @classmethod
    def of(cls, key: str) -> "Area":
        """The area of a key; ValueError if it is none."""
        kind, _colon, rest = key.partition(":")
        if kind == "c" and rest.isascii() and rest.isdecimal():
            return cls(clinic_id=int(rest))
        region, slash, district = rest.partition("/")
        if kind == "d" and slash:
            return cls(region=region, district=district)
        raise ValueError(key)


def clinic_key(clinic_id: int) -> str:
    return Area(clinic_id=clinic_id).key


def district_key(region: str, district: str) -> str:
    return Area(region=region, district=district).key


def keys_of(*, clinic_id: int, region: str, district: str) -> list[str]:
    """What an entry may name to be offered times of this clinic."""
    return [clinic_key(clinic_id), district_key(region, district)]


def areas_in(keys: list[str]) -> list[Area]:
    """The areas among keys that a form brought; anything else is left out."""
    areas = []
    for key in keys:
        try:
            areas.append(Area.of(key))
        except ValueError:
            continue
    return areas
