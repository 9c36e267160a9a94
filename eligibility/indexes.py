"""Keyed blind indexes over a person's identity: the only way to find somebody in the database.

Whoever fills a Person uses these, so that one person has one index however they are spelled.
"""

from datetime import date

from eligibility.spelling import name_key
from privacy.cipher import blind_index


def identity_index(name: str, birth_date: date, phone: str, district: str = "") -> bytes:
    """Name, birth date and E.164 phone as one key; the district only for a double of all three."""
    parts = [name_key(name), birth_date.isoformat(), phone, *([district] if district else [])]
    return blind_index("|".join(parts), context=b"person.identity")


def name_birth_index(name: str, birth_date: date) -> bytes:
    return blind_index(f"{name_key(name)}|{birth_date.isoformat()}", context=b"person.name_birth")


def phone_index(phone: str) -> bytes:
    return blind_index(phone, context=b"person.phone")


def indexes_of(name: str, birth_date: date, phone: str) -> dict[str, bytes]:
    """The three columns of Person, by name."""
    return {
        "identity_index": identity_index(name, birth_date, phone),
        "name_birth_index": name_birth_index(name, birth_date),
        "phone_index": phone_index(phone),
    }
