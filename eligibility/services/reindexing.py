"""The blind indexes of eligibility, computed anew under another key (privacy.reindexing)."""

import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain, combinations

from eligibility import roster
from eligibility.enums import Correctable, ReviewStatus
from eligibility.indexes import (
    identity_index,
    identity_indexes,
    name_birth_index,
    phone_index,
    phone_indexes,
    subject_index,
)
from eligibility.models import Correction, Person, PhoneCode, ProviderAccount, ProxyRequest
from eligibility.services.roster import IMPORT_LOCK
from privacy.cipher import INDEX_BYTES, blind_index, blind_indexes
from privacy.reindexing import NO_KEY, ExpiringRows, IndexedTable, under_older_keys

# Optional columns of a roster file: without one, its name stands in the row's digest.
_OPTIONAL = [column.name for column in roster.LAYOUT.columns if not column.required]
_ABSENT = [
    frozenset(names)
    for names in chain.from_iterable(
        combinations(_OPTIONAL, size) for size in range(len(_OPTIONAL) + 1)
    )
]

_Indexes = tuple[bytes | None, ...]


def people() -> IndexedTable:
    columns = ("phone_index", "name_birth_index", "identity_index", "roster_digest")
    return IndexedTable(
        Person, columns, _indexes_of_people, lock=IMPORT_LOCK, is_genuine=_is_genuine
    )


def _is_genuine(person: Person) -> bool:
    return not person.phone or bytes(person.phone_index) in phone_indexes(person.phone)


def proxy_requests() -> IndexedTable:
    return IndexedTable(
        ProxyRequest, ("phone_index",), lambda rows: [(phone_index(row.phone),) for row in rows]
    )


def provider_accounts() -> IndexedTable:
    return IndexedTable(ProviderAccount, ("subject_index",), _indexes_of_accounts)


def phone_codes() -> ExpiringRows:
    """Codes count for a day; of the network that asked for one only the index is stored."""
    return ExpiringRows(
        PhoneCode._meta.label,
        lambda: under_older_keys(PhoneCode.objects.all(), ("phone_index", "source_index")),
        at="sent_at",
        period=timedelta(days=1),
    )


def _indexes_of_accounts(rows: list[ProviderAccount]) -> list[tuple[bytes] | None]:
    return [
        None if row.subject is None else (subject_index(row.provider, row.subject),) for row in rows
    ]


def _indexes_of_people(rows: list[Person]) -> list[_Indexes | None]:
    replaced = _replaced_values([row.pk for row in rows])
    return [_indexes_of_person(row, replaced.get(row.pk, {})) for row in rows]


def _indexes_of_person(person: Person, replaced: dict[str, str]) -> _Indexes:
    if person.forgotten_at:  # under a number of a key by chance: forgotten before NO_KEY was used
        return (*(bytes([NO_KEY]) + os.urandom(INDEX_BYTES - 1) for _column in range(3)), None)
    details = (person.name, person.birth_date, person.phone)
    # The second of two people who share all three has an index with the district.
    has_plain_index = bytes(person.identity_index) in identity_indexes(*details)
    return (
        phone_index(person.phone),
        name_birth_index(person.name, person.birth_date),
        identity_index(*details, "" if has_plain_index else person.district),
        _digest_of(person, replaced),
    )


def _replaced_values(people: list[int]) -> dict[int, dict[str, str]]:
    """Person id → field → the roster's value, where a granted correction took its place."""
    found: dict[int, dict[str, str]] = {}
    granted = Correction.objects.filter(
        person__in=people, status=ReviewStatus.GRANTED, replaced__isnull=False
    )
    for correction in granted.order_by("pk"):
        # The first of several: what it replaced came from the roster.
        values = found.setdefault(correction.person_id, {})
        values.setdefault(correction.field, correction.replaced or "")
    return found


def _digest_of(person: Person, replaced: dict[str, str]) -> bytes | None:
    """The row's digest under the first key; NULL, so that the next import writes the row anew, if
    no row that the person may have come from has the stored one."""
    if person.roster_digest is None:
        return None
    stored = bytes(person.roster_digest)
    for content in _possible_rows(person, replaced):
        if stored in blind_indexes(content, context=roster.ROW):
            return blind_index(content, context=roster.ROW)
    return None


def _possible_rows(person: Person, replaced: dict[str, str]) -> Iterator[str]:
    for values in [{}, replaced] if replaced else [{}]:
        for absent in _ABSENT:
            yield roster.row_content(
                person.roster_key or "",
                values.get(Correctable.NAME, person.name),
                values.get(Correctable.BIRTH_DATE, person.birth_date.isoformat()),
                values.get(Correctable.PHONE, person.phone),
                person.region,
                "" if "district" in absent else person.district,
                "" if "groups" in absent else ";".join(person.groups),
                person.last_dose_on.isoformat()
                if person.last_dose_on and "last_dose_on" not in absent
                else "",
                absent=absent,
            )
