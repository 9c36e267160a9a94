"""The `by` of rows: who acted. The person themselves, the system, or a user of staff."""

from collections.abc import Iterable
from typing import Protocol

CITIZEN = "citizen"
SYSTEM = "system"
STAFF = "staff:"  # followed by the user's id


class _User(Protocol):
    pk: int


def actor_of(user: _User) -> str:
    return actor(user.pk)


def actor(user_id: int) -> str:
    return f"{STAFF}{user_id}"


def actors(user_ids: Iterable[int]) -> list[str]:
    return [actor(user_id) for user_id in user_ids]


def is_staff(by: str) -> bool:
    return by.startswith(STAFF)


def user_id_of(by: str) -> int | None:
    """The user's id in `by`; None for anybody else, and for a command that acted for staff."""
    number = by.removeprefix(STAFF)
    is_id = is_staff(by) and number.isascii() and number.isdecimal() and len(number) < 19
    return int(number) if is_id else None
