"""Areas of list entries: a clinic, or all clinics of a district.

An entry holds area keys in one array, for one GIN index: `c:12` is a clinic, `d:서울특별시/강남구`
a district.
"""

from dataclasses import dataclass

from web.posted import id_in

# SQL twin of `keys_of`, for a row named `clinic`.
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
        """The area of a key; raises ValueError."""
        kind, _colon, text = key.partition(":")
        clinic_id = id_in(text) if kind == "c" else None
        if clinic_id is not None:
            return cls(clinic_id=clinic_id)
        region, slash, district = text.partition("/")
        if kind == "d" and slash:
            return cls(region=region, district=district)
        raise ValueError(key)


def clinic_key(clinic_id: int) -> str:
    return Area(clinic_id=clinic_id).key


def district_key(region: str, district: str) -> str:
    return Area(region=region, district=district).key


def keys_of(*, clinic_id: int, region: str, district: str) -> list[str]:
    """The area keys by which an entry is offered slots of this clinic."""
    return [clinic_key(clinic_id), district_key(region, district)]


def areas_in(keys: list[str]) -> list[Area]:
    """The areas of posted keys; invalid ones are left out."""
    areas = []
    for key in keys:
        try:
            areas.append(Area.of(key))
        except ValueError:
            continue
    return areas
