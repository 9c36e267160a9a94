"""Keyed blind indexes over a person's identity, since names and phones are stored encrypted.

All code that fills a Person uses these, so that every spelling of a person gives one index. What
is written has one index; what is looked up has one under each index key in effect.
"""

import os
from datetime import date

from eligibility.spelling import name_key
from privacy.cipher import INDEX_BYTES, blind_index, blind_indexes
from privacy.reindexing import NO_KEY

IDENTITY, NAME_BIRTH, PHONE = b"person.identity", b"person.name_birth", b"person.phone"
SUBJECT = b"provider.subject"

# For a row that must not be found: random, under no key.
RANDOM_INDEX = "set_byte(uuid_send(gen_random_uuid()), 0, 0)"


def identity_index(name: str, birth_date: date, phone: str, district: str = "") -> bytes:
    """Index of name, birth date and E.164 phone. `district` is added only for the second of two
    people who share all three."""
    return blind_index(_identity(name, birth_date, phone, district), context=IDENTITY)


def identity_indexes(name: str, birth_date: date, phone: str, district: str = "") -> list[bytes]:
    return blind_indexes(_identity(name, birth_date, phone, district), context=IDENTITY)


def _identity(name: str, birth_date: date, phone: str, district: str) -> str:
    parts = [name_key(name), birth_date.isoformat(), phone, *([district] if district else [])]
    return "|".join(parts)


def name_birth_index(name: str, birth_date: date) -> bytes:
    return blind_index(_name_birth(name, birth_date), context=NAME_BIRTH)


def name_birth_indexes(name: str, birth_date: date) -> list[bytes]:
    return blind_indexes(_name_birth(name, birth_date), context=NAME_BIRTH)


def _name_birth(name: str, birth_date: date) -> str:
    return f"{name_key(name)}|{birth_date.isoformat()}"


def phone_index(phone: str) -> bytes:
    """For a person without a phone a random one: nobody is found by having none."""
    return blind_index(phone, context=PHONE) if phone else _random_index()


def phone_indexes(phone: str) -> list[bytes]:
    return blind_indexes(phone, context=PHONE) if phone else []


def _random_index() -> bytes:
    """As RANDOM_INDEX."""
    return bytes([NO_KEY]) + os.urandom(INDEX_BYTES - 1)


def subject_index(provider: str, subject: str) -> bytes:
    return blind_index(f"{provider}|{subject}", context=SUBJECT)


def subject_indexes(provider: str, subject: str) -> list[bytes]:
    return blind_indexes(f"{provider}|{subject}", context=SUBJECT)


def indexes_of(name: str, birth_date: date, phone: str) -> dict[str, bytes]:
    """Values of Person's three index columns, by column name."""
    return {
        "identity_index": identity_index(name, birth_date, phone),
        "name_birth_index": name_birth_index(name, birth_date),
        "phone_index": phone_index(phone),
    }
