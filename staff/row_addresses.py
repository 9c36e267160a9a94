"""Addresses of the admin's pages of a row, for pages that show hundreds of rows."""

from functools import cache

from django.urls import get_script_prefix, reverse


def row_address(name: str, pk: int) -> str:
    """As `reverse(f"admin:{name}", args=[pk])`; the pattern is resolved once, not for each row."""
    return _pattern(name, get_script_prefix()).replace("/0/", f"/{pk}/")


@cache
def _pattern(name: str, _prefix: str) -> str:
    return reverse(f"admin:{name}", args=[0])
