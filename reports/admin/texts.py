"""Texts of the admin's columns."""

from collections.abc import Iterable

from reports.definitions import EXPORTS


def titles_of(names: Iterable[str]) -> str:
    return ", ".join(str(EXPORTS[name].title) if name in EXPORTS else name for name in names)
