"""The rows of a roster, made ready for the database: read, checked, encrypted, hashed, packed.

No queries: this is the part that several processes do at once. A packed row is one tuple of
Postgres' binary COPY format, in the order of STAGED.
"""

import re
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dataio.csv_in import Column, Layout, Piece, Row, row_reader
from dataio.places import region_of
from dataio.values import BadValue, day, line_of_text, matching
from privacy.cipher import blind_index, encrypt

from .normal import OLDEST, mobile_phone, name_key, plain, shown_name

_PLAIN_PHONE = re.compile(r"0(10-?[0-9]{4}-?[0-9]{4})")
# Well-formed months and days only; a 31 February goes the slow way and is refused there.
_PLAIN_DAY = re.compile(r"[12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# Columns of the staging table, in the order in which a packed row has them.
STAGED = (
    "line", "roster_key", "name", "birth_date", "phone", "region", "district", "groups",
    "last_dose_on", "identity_index", "name_birth_index", "phone_index", "roster_digest",
)  # fmt: skip

NAME = b"eligibility_person.name"
BIRTH = b"eligibility_person.birth_date"
PHONE = b"eligibility_person.phone"
DOSE = b"eligibility_person.last_dose_on"


def person_key(text: str) -> str:
    if not _KEY.fullmatch(text) and not _KEY.fullmatch(text := plain(text)):
        raise BadValue(_("Use at most 64 letters, digits, points, hyphens and underscores."))
    return text


def person_name(text: str) -> str:
    if text.isalpha():  # nearly all Korean names
        return text
    name = shown_name(line_of_text(text))
    if not name_key(name):
        raise BadValue(_("Write a name made of letters."))
    return name


def past_day(text: str) -> date:
    value = date.fromisoformat(text) if _PLAIN_DAY.fullmatch(text) else day(text)
    today = _today(int(time.time()) // 60)
    if not today.year - OLDEST <= value.year or value > today:
        raise BadValue(_("Write the birth date of a living person."))
    return value


@lru_cache(maxsize=2)
def _today(minute: int) -> date:
    return timezone.localdate()


# A country has few regions and districts, and a roster millions of rows.
place = lru_cache(maxsize=4096)(line_of_text)


@lru_cache(maxsize=4096)
def region(text: str) -> str:
    """서울 and 서울시 become 서울특별시, by which local government sees its people."""
    return region_of(text) or line_of_text(text)


def phone(text: str) -> str:
    # Nearly all numbers are written this way; the library takes thirty times as long.
    match = _PLAIN_PHONE.fullmatch(text)
    if match:
        return "+82" + match[1].replace("-", "")
    try:
        return mobile_phone(text)
    except ValueError:
        raise BadValue(_("Write a Korean mobile number as 010-1234-5678.")) from None


_group = matching(
    r"[a-z0-9][a-z0-9-]{0,39}", gettext_lazy("Use small letters a to z, digits and hyphens.")
)


def group_list(text: str) -> tuple[str, ...]:
    return tuple(sorted({_group(part.strip()) for part in text.split(";") if part.strip()}))


LAYOUT = Layout(
    "roster",
    [
        Column("person_id", person_key, personal=True),
        Column("name", person_name, max_length=60, personal=True),
        Column("birth_date", past_day, personal=True),
        Column("phone", phone, personal=True),
        Column("region", region, max_length=20),
        Column("district", place, required=False, max_length=30),
        Column("groups", group_list, required=False, default=(), personal=True),
        Column("last_dose_on", past_day, required=False, default=None, personal=True),
    ],
)


@dataclass
class Packed:
    """What one process made of a piece of the file."""

    rows: bytes
    count: int
    refused: list[tuple[int, str]] = field(default_factory=list)


def pack(header: Sequence[str], piece: Piece) -> Packed:
    """Read, check and seal the rows of a piece of the file."""
    read = row_reader(header, LAYOUT)
    rows: list[bytes] = []
    refused: list[tuple[int, str]] = []
    for line, cells in piece.rows():
        row = read(line, cells)
        if row.problems:
            refused.append((line, " ".join(map(str, row.problems))))
        else:
            rows.append(seal(row))
    return Packed(b"".join(rows), len(rows), refused)


def seal(row: Row) -> bytes:
    """One row, encrypted and hashed, as a binary tuple."""
    values = row.values
    name, birth, number = values["name"], values["birth_date"].isoformat(), values["phone"]
    dose = values["last_dose_on"].isoformat() if values["last_dose_on"] else ""
    groups = ";".join(values["groups"])
    key = values["person_id"]
    born = f"{name_key(name)}|{birth}"
    whole = "\x1f".join(
        (key, name, birth, number, values["region"], values["district"], groups, dose)
    )
    return _tuple(
        row.line.to_bytes(4),
        key.encode(),
        encrypt(name, context=NAME),
        encrypt(birth, context=BIRTH),
        encrypt(number, context=PHONE),
        values["region"].encode(),
        values["district"].encode(),
        groups.encode(),
        encrypt(dose, context=DOSE) if dose else None,
        # The same texts as in eligibility.indexes, with the name's key worked out once.
        blind_index(f"{born}|{number}", context=b"person.identity"),
        blind_index(born, context=b"person.name_birth"),
        blind_index(number, context=b"person.phone"),
        blind_index(whole, context=b"person.roster_row"),
    )


# Postgres' binary COPY: a signature, flags, the length of a header extension; at the end -1.
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
COPY_END = struct.pack("!h", -1)

_COUNT = struct.pack("!h", len(STAGED))
_NULL = struct.pack("!i", -1)
# The length before each value; nearly all are short.
_LENGTHS = [struct.pack("!i", length) for length in range(512)]


def _tuple(*fields: bytes | None) -> bytes:
    parts = [_COUNT]
    for value in fields:
        if value is None:
            parts.append(_NULL)
        else:
            length = len(value)
            parts += (_LENGTHS[length] if length < 512 else struct.pack("!i", length), value)
    return b"".join(parts)
