"""The `by` of rows: who acted. The person themselves, the system, or a user of staff."""

from collections.abc import Iterable
from typing import Protocol

from web.posted import id_in

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
    return id_in(by.removeprefix(STAFF)) if is_staff(by) else None
