"""Ids as forms and addresses bring them."""

from django.http import HttpRequest

# Every id fits a bigint of Postgres; a longer number would be an error of the database.
_MOST_DIGITS = 18


def id_in(text: str) -> int | None:
    """The id that this text is; None if it is none."""
    plain = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if plain else None


def posted_id(request: HttpRequest, name: str) -> int | None:
    """The id in a field of a form."""
    return id_in(request.POST.get(name, ""))
