"""The rows of a roster, made ready for the database: read, checked, encrypted, hashed, packed.

No queries: this is the part that several processes do at once. A packed row is one tuple of
Postgres' binary COPY format, in the order of STAGED.
"""

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dataio.csv_in import Column, Layout, Row, row_reader
from dataio.values import BadValue, day, line_of_text, matching
from privacy.cipher import blind_index, encrypt

from .normal import OLDEST, mobile_phone, name_key, plain, shown_name

_PLAIN_PHONE = re.compile(r"0(10-?[0-9]{4}-?[0-9]{4})")
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
    text = plain(text)
    if not _KEY.fullmatch(text):
        raise BadValue(_("Use at most 64 letters, digits, points, hyphens and underscores."))
    return text


def person_name(text: str) -> str:
    name = shown_name(line_of_text(text))
    if not name_key(name):
        raise BadValue(_("Write a name made of letters."))
    return name


def past_day(text: str) -> date:
    value = day(text)
    today = timezone.localdate()
    if not today.year - OLDEST <= value.year or value > today:
        raise BadValue(_("Write the birth date of a living person."))
    return value


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
        Column("region", line_of_text, max_length=20),
        Column("district", line_of_text, required=False, max_length=30),
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


def pack(header: Sequence[str], lines: Iterable[tuple[int, list[str]]]) -> Packed:
    """Read, check and seal these lines."""
    read = row_reader(header, LAYOUT)
    rows, refused = [], []
    for line, cells in lines:
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


_COUNT = struct.pack("!h", len(STAGED))
_NULL = struct.pack("!i", -1)
_length = struct.Struct("!i").pack

# Postgres' binary COPY: a signature, flags, the length of a header extension; at the end -1.
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
COPY_END = struct.pack("!h", -1)


def _tuple(*fields: bytes | None) -> bytes:
    parts = [_COUNT]
    for value in fields:
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(_length(len(value)))
            parts.append(value)
    return b"".join(parts)
