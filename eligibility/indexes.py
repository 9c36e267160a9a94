"""Keyed blind indexes over a person's identity, since names and phones are stored encrypted.

All code that fills a Person uses these, so that every spelling of a person gives one index.
"""

from datetime import date

from eligibility.spelling import name_key
from privacy.cipher import blind_index


def identity_index(name: str, birth_date: date, phone: str, district: str = "") -> bytes:
    """Index of name, birth date and E.164 phone. `district` is added only for the second of two
    people who share all three."""
    parts = [name_key(name), birth_date.isoformat(), phone, *([district] if district else [])]
    return blind_index("|".join(parts), context=b"person.identity")


def name_birth_index(name: str, birth_date: date) -> bytes:
    return blind_index(f"{name_key(name)}|{birth_date.isoformat()}", context=b"person.name_birth")


def phone_index(phone: str) -> bytes:
    return blind_index(phone, context=b"person.phone")


def indexes_of(name: str, birth_date: date, phone: str) -> dict[str, bytes]:
    """Values of Person's three index columns, by column name."""
    return {
        "identity_index": identity_index(name, birth_date, phone),
        "name_birth_index": name_birth_index(name, birth_date),
        "phone_index": phone_index(phone),
    }
