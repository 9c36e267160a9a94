"""What a form is bound to, and ids in forms and addresses."""

from django.http import HttpRequest, QueryDict

# 18 digits always fit into Postgres' bigint; a longer number would be a database error.
_MOST_DIGITS = 18


def id_in(text: str) -> int | None:
    """`text` as an id; None if it is not one."""
    plain = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if plain else None


def posted_id(request: HttpRequest, name: str) -> int | None:
    """The id in a posted field; None if it is missing or not one."""
    return id_in(request.POST.get(name, ""))


def form_data(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: the fields of a POST, also of an empty one, which gets its errors;
    None where the page is only read."""
    return request.POST if request.method == "POST" else None
