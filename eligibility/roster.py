"""Reads, checks, encrypts and hashes roster rows, and packs them for Postgres.

No queries: several processes run this in parallel. A packed row is one tuple of Postgres' binary
COPY format, with the columns of STAGED in that order.
"""

import io
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from database.clock import known_now, known_today
from dataio.csv_in import (
    REFUSED_LINE,
    REFUSED_REASON,
    Column,
    Layout,
    Piece,
    Row,
    absent_columns,
    row_reader,
)
from dataio.districts import region_of
from dataio.values import BadValue, day, line_of_text, matching
from eligibility import indexes
from eligibility.spelling import OLDEST, any_phone, name_key, plain, resident_number_typed
from eligibility.spelling import person_name as spelled_name
from privacy.cipher import encryptor, indexer

# The usual spellings, which need no library: a mobile number, and days that every year has
# (29 February goes the slow way).
_PLAIN_PHONE = re.compile(r"010-?[0-9]{4}-?[0-9]{4}")
_PLAIN_DAY = re.compile(
    r"[12][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# Columns of the staging table, in the order of a packed row.
STAGED = (
    "line", "roster_key", "name", "birth_date", "phone", "region", "district", "groups",
    "last_dose_on", "identity_index", "name_birth_index", "phone_index", "roster_digest",
)  # fmt: skip

# Contexts of the encryption: the same as those of Person's encrypted fields, which read the values.
NAME = b"eligibility_person.name"
BIRTH = b"eligibility_person.birth_date"
PHONE = b"eligibility_person.phone"
DOSE = b"eligibility_person.last_dose_on"
# Context of the blind index over a whole row (Person.roster_digest).
ROW = b"person.roster_row"


def person_key(text: str) -> str:
    if resident_number_typed(text):
        raise BadValue(
            _(
                "This looks like a resident registration number, which is stored nowhere. "
                "Use another key."
            )
        )
    if not _KEY.fullmatch(text) and not _KEY.fullmatch(text := plain(text)):
        raise BadValue(_("Use at most 64 letters, digits, points, hyphens and underscores."))
    return text


def person_name(text: str) -> str:
    try:
        return spelled_name(line_of_text(text))
    except ValueError:
        raise BadValue(
            _(
                "Write a name made of letters. Besides them only spaces, hyphens, apostrophes and "
                "middle dots (·) can stand in it."
            )
        ) from None


def past_day(text: str) -> date:
    value = date.fromisoformat(text) if _PLAIN_DAY.fullmatch(text) else day(text)
    today = _today(int(known_now().timestamp()) // 60)
    if not today.year - OLDEST <= value.year or value > today:
        raise BadValue(_("Write the birth date of a living person."))
    return value


# Cached by the minute: two columns of each of millions of rows ask for it.
@lru_cache(maxsize=2)
def _today(minute: int) -> date:
    return known_today()


# Cached: a country has few districts, and a roster millions of rows.
district = lru_cache(maxsize=4096)(line_of_text)


@lru_cache(maxsize=4096)
def region(text: str) -> str:
    """서울 and 서울시 become 서울특별시: staff of a region see rows by this name."""
    if not text.strip():
        return ""
    official = region_of(text)
    if official is None:
        raise BadValue(_("There is no such region. Write one of the 17, such as 서울특별시."))
    return official


def phone(text: str) -> str:
    # The spelling of nearly all numbers; the library takes thirty times as long.
    if _PLAIN_PHONE.fullmatch(text):
        return _e164(text)
    try:
        return any_phone(text)
    except ValueError:
        raise BadValue(_("Write a Korean phone number as 010-1234-5678 or 02-2123-4567.")) from None


def _e164(plain_phone: str) -> str:
    return "+82" + plain_phone[1:].replace("-", "")


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
        Column("district", district, required=False, max_length=30),
        Column("groups", group_list, required=False, default=(), personal=True),
        Column("last_dose_on", past_day, required=False, default=None, personal=True),
    ],
)


@dataclass
class PackedRows:
    """The result for one piece of the file: COPY tuples, their number, (line, reason) refused."""

    rows: bytes
    count: int
    refused: list[tuple[int, str]] = field(default_factory=list)


def pack(header: Sequence[str], piece: Piece) -> PackedRows:
    """Read, check and encrypt the rows of a piece of the file."""
    packed = PackedRows(b"", 0)
    pack_row = row_packer(absent_columns(header, LAYOUT))
    rows = [pack_row(*entry) for entry in _entries(header, piece, packed.refused)]
    packed.rows, packed.count = b"".join(rows), len(rows)
    return packed


# Line, key, name, its name_key, birth date, phone, region, district, groups, last dose.
_Entry = tuple[int, str, str, str, str, str, str, str, str, str]


def _entries(
    header: Sequence[str], piece: Piece, refused: list[tuple[int, str]]
) -> Iterator[_Entry]:
    """The valid rows of a piece as normalized texts; (line, reason) of others go into `refused`."""
    read_carefully = row_reader(header, LAYOUT)
    # Quoted cells may contain commas and line ends: such a piece needs the CSV reader.
    read_plain = None if '"' in piece.text else plain_reader(header)
    lines = io.StringIO(piece.text, newline="")
    pieces = (
        [piece]
        if read_plain is None
        else (Piece(number, line) for number, line in enumerate(lines, piece.first_line))
    )
    for part in pieces:
        if read_plain and (entry := read_plain(part.first_line, part.text)):
            yield entry
            continue
        for line, cells in part.rows():
            row = read_carefully(line, cells)
            if row.problems:
                refused.append((line, " ".join(map(str, row.problems))))
            else:
                yield _entry(row)


def _entry(row: Row) -> _Entry:
    values = row.values
    name, dose = values["name"], values.get("last_dose_on")
    return (
        row.line,
        values["person_id"],
        name,
        name_key(name),
        values["birth_date"].isoformat(),
        values["phone"],
        values["region"],
        values.get("district", ""),
        ";".join(values.get("groups", ())),
        dose.isoformat() if dose else "",
    )


# Fast path: the spelling of nearly every line. Any other line goes through the CSV reader, which
# takes three times as long and gives the reason of a refusal.
_PLAIN = {
    # Six and seven digits may be a resident registration number, which the careful way refuses.
    "person_id": rf"(?![0-9]{{6}}-?[0-9]{{7}}(?![0-9A-Za-z._-])){_KEY.pattern}",
    "name": r"[가-힣]{1,60}",
    "birth_date": _PLAIN_DAY.pattern,
    "phone": _PLAIN_PHONE.pattern,
    "region": r"[^,\r\n]+",
    "district": r"[^,\r\n]*",
    "groups": r"[^,\r\n]*",
    "last_dose_on": f"(?:{_PLAIN_DAY.pattern})?",
}


def plain_reader(header: Sequence[str]) -> Callable[[int, str], _Entry | None]:
    """A function that reads a line by one regular expression; it returns None for a line that needs
    the CSV reader. For the lines it reads, both give the same entry."""
    names = [name.casefold() for name in header]
    absent = [name for name in _PLAIN if name not in names]
    ignored = {REFUSED_LINE: r"[^,\r\n]*", REFUSED_REASON: r"[^,\r\n]*"}
    cells = ",".join(f"({(_PLAIN | ignored)[name]})" for name in names)
    # Absent columns become empty groups at the end, so that every column has a group number.
    match = re.compile(f"{cells}[\r\n]*{'()' * len(absent)}").fullmatch
    groups_in_order = [(names + absent).index(name) + 1 for name in _PLAIN]
    today = _today(int(known_now().timestamp()) // 60)
    first, last = f"{today.year - OLDEST}-01-01", today.isoformat()

    def read(line: int, text: str) -> _Entry | None:
        row = match(text)
        if row is None:
            return None
        key, name, birth, number, *home, dose = row.group(*groups_in_order)
        # ISO dates compare as text.
        if not first <= birth <= last or (dose and not first <= dose <= last):
            return None
        try:
            region, district, groups = _normalized(*home)
        except BadValue:
            return None
        return line, key, name, name, birth, _e164(number), region, district, groups, dose

    return read


@lru_cache(maxsize=8192)
def _normalized(region: str, district: str, groups: str) -> tuple[str, str, str]:
    """The values as the CSV reader gives them; BadValue. Cached, as few combinations exist."""
    columns = {column.name: column for column in LAYOUT.columns}
    return (
        columns["region"].value_of(region),
        columns["district"].value_of(district),
        ";".join(columns["groups"].value_of(groups)),
    )


# Postgres' binary COPY format: signature, flags, length of a header extension; the trailer is -1.
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
COPY_END = struct.pack("!h", -1)

_START = struct.pack("!hi", len(STAGED), 4)  # number of columns; length of the first one, `line`
_NULL = struct.pack("!i", -1)
_INDEX_LENGTH = struct.pack("!i", 16)


def row_packer(absent: frozenset[str] = frozenset()) -> Callable[..., bytes]:
    """A function that encrypts and hashes an entry and packs it as one binary tuple.

    The names of `absent` columns go into a row's digest: a file with an empty column clears its
    values, a file without the column does not, so the two rows must differ.
    """
    without = _without(absent)
    encrypt_name, encrypt_birth = encryptor(context=NAME), encryptor(context=BIRTH)
    encrypt_phone, encrypt_dose = encryptor(context=PHONE), encryptor(context=DOSE)
    # The same texts as in eligibility.indexes, but the name's key is computed once for both. Each
    # object derives its key once per piece, not once per row.
    identity = indexer(context=indexes.IDENTITY)
    name_birth = indexer(context=indexes.NAME_BIRTH)
    by_phone, digest = indexer(context=indexes.PHONE), indexer(context=ROW)

    def pack_row(
        line: int,
        key: str,
        name: str,
        bare_name: str,
        birth: str,
        number: str,
        region: str,
        district: str,
        groups: str,
        dose: str,
    ) -> bytes:
        born = f"{bare_name}|{birth}"
        # As row_content; in place, as it is done millions of times.
        content = "\x1f".join((key, name, birth, number, region, district, groups, dose)) + without
        return b"".join(
            (
                _START,
                line.to_bytes(4),
                _sized(key.encode()),
                _sized(encrypt_name(name)),
                _sized(encrypt_birth(birth)),
                _sized(encrypt_phone(number)),
                _text(region),
                _text(district),
                _text(groups),
                _sized(encrypt_dose(dose)) if dose else _NULL,
                _INDEX_LENGTH,
                identity(f"{born}|{number}"),
                _INDEX_LENGTH,
                name_birth(born),
                _INDEX_LENGTH,
                by_phone(number),
                _INDEX_LENGTH,
                digest(content),
            )
        )

    return pack_row


def row_content(*values: str, absent: frozenset[str]) -> str:
    """The text of a row's digest. \x1f, the unit separator, can't stand in a value."""
    return "\x1f".join(values) + _without(absent)


def _without(absent: frozenset[str]) -> str:
    return "".join(f"\x1f-{name}" for name in sorted(absent))


def _sized(value: bytes) -> bytes:
    return len(value).to_bytes(4) + value


@lru_cache(maxsize=8192)
def _text(text: str) -> bytes:
    return _sized(text.encode())
