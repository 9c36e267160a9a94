"""The rows of a roster, made ready for the database: read, checked, encrypted, hashed, packed.

No queries: this is the part that several processes do at once. A packed row is one tuple of
Postgres' binary COPY format, in the order of STAGED.
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
from eligibility.spelling import OLDEST, mobile_phone, name_key, plain
from eligibility.spelling import person_name as spelled_name
from privacy.cipher import encryptor, indexer

_PLAIN_PHONE = re.compile(r"010-?[0-9]{4}-?[0-9]{4}")
# Days that every year has.
_PLAIN_DAY = re.compile(
    r"[12][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
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


@lru_cache(maxsize=2)
def _today(minute: int) -> date:
    return known_today()


# A country has few regions and districts, and a roster millions of rows.
place = lru_cache(maxsize=4096)(line_of_text)


@lru_cache(maxsize=4096)
def region(text: str) -> str:
    """서울 and 서울시 become 서울특별시, by which local government sees its people."""
    return region_of(text) or line_of_text(text)


def phone(text: str) -> str:
    # Nearly all numbers are written this way; the library takes thirty times as long.
    if _PLAIN_PHONE.fullmatch(text):
        return _e164(text)
    try:
        return mobile_phone(text)
    except ValueError:
        raise BadValue(_("Write a Korean mobile number as 010-1234-5678.")) from None


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
    packed = Packed(b"", 0)
    seal = sealer(absent_columns(header, LAYOUT))
    rows = [seal(*entry) for entry in _entries(header, piece, packed.refused)]
    packed.rows, packed.count = b"".join(rows), len(rows)
    return packed


# Line, key, name, its name_key, birth date, phone, region, district, groups, last dose.
_Entry = tuple[int, str, str, str, str, str, str, str, str, str]


def _entries(
    header: Sequence[str], piece: Piece, refused: list[tuple[int, str]]
) -> Iterator[_Entry]:
    """The good rows of a piece, as texts in one spelling; the others go into `refused`."""
    careful = row_reader(header, LAYOUT)
    # Quotation marks may hold commas and line ends: there only the CSV reader knows the rows.
    quick = None if '"' in piece.text else plain_reader(header)
    lines = io.StringIO(piece.text, newline="")
    pieces = (
        [piece]
        if quick is None
        else (Piece(number, line) for number, line in enumerate(lines, piece.first_line))
    )
    for part in pieces:
        if quick and (entry := quick(part.first_line, part.text)):
            yield entry
            continue
        for line, cells in part.rows():
            row = careful(line, cells)
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


# How nearly every line is written. Whatever differs goes the careful way, which takes thrice
# as long and knows why it refuses.
_PLAIN = {
    "person_id": _KEY.pattern,
    "name": r"[가-힣]{1,60}",
    "birth_date": _PLAIN_DAY.pattern,
    "phone": _PLAIN_PHONE.pattern,
    "region": r"[^,\r\n]+",
    "district": r"[^,\r\n]*",
    "groups": r"[^,\r\n]*",
    "last_dose_on": f"(?:{_PLAIN_DAY.pattern})?",
}


def plain_reader(header: Sequence[str]) -> Callable[[int, str], _Entry | None]:
    """Reads a line at one go if it is written in the plainest way, with the same result."""
    names = [name.casefold() for name in header]
    absent = [name for name in _PLAIN if name not in names]
    passed_over = {REFUSED_LINE: r"[^,\r\n]*", REFUSED_REASON: r"[^,\r\n]*"}
    cells = ",".join(f"({(_PLAIN | passed_over)[name]})" for name in names)
    match = re.compile(f"{cells}[\r\n]*{'()' * len(absent)}").fullmatch
    places = [(names + absent).index(name) + 1 for name in _PLAIN]
    today = _today(int(known_now().timestamp()) // 60)
    first, last = f"{today.year - OLDEST}-01-01", today.isoformat()

    def read(line: int, text: str) -> _Entry | None:
        found = match(text)
        if found is None:
            return None
        key, name, birth, number, *rest, dose = found.group(*places)
        if not first <= birth <= last or (dose and not first <= dose <= last):
            return None
        try:
            region, district, groups = _written(*rest)
        except BadValue:
            return None
        return line, key, name, name, birth, _e164(number), region, district, groups, dose

    return read


@lru_cache(maxsize=8192)
def _written(region: str, district: str, groups: str) -> tuple[str, str, str]:
    """As the careful way reads them; a country has few combinations."""
    columns = {column.name: column for column in LAYOUT.columns}
    return (
        columns["region"].value_of(region),
        columns["district"].value_of(district),
        ";".join(columns["groups"].value_of(groups)),
    )


# Postgres' binary COPY: a signature, flags, the length of a header extension; at the end -1.
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
COPY_END = struct.pack("!h", -1)

_START = struct.pack("!hi", len(STAGED), 4)  # the number of values, and the length of the first
_NULL = struct.pack("!i", -1)
_INDEX_LENGTH = struct.pack("!i", 16)


def sealer(absent: frozenset[str] = frozenset()) -> Callable[..., bytes]:
    """What makes an entry one binary tuple, encrypted and hashed; for one piece of a file.

    `absent` columns go into the digest of a row by name: without them it is another row than with
    empty cells, since an absent column changes nothing.
    """
    without = "".join(f"\x1f-{name}" for name in sorted(absent))
    encrypt_name, encrypt_birth = encryptor(context=NAME), encryptor(context=BIRTH)
    encrypt_phone, encrypt_dose = encryptor(context=PHONE), encryptor(context=DOSE)
    # The same texts as in eligibility.indexes, with the name's key worked out once.
    identity, name_birth = (
        indexer(context=b"person.identity"),
        indexer(context=b"person.name_birth"),
    )
    by_phone, digest = indexer(context=b"person.phone"), indexer(context=b"person.roster_row")

    def seal(
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
        whole = "\x1f".join((key, name, birth, number, region, district, groups, dose)) + without
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
                digest(whole),
            )
        )

    return seal


def _sized(value: bytes) -> bytes:
    return len(value).to_bytes(4) + value


@lru_cache(maxsize=8192)
def _text(text: str) -> bytes:
    return _sized(text.encode())
