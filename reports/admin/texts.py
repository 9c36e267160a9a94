"""Texts of the admin's columns."""

from collections.abc import Iterable

from reports.definitions import EXPORTS


def title_of(name: str) -> str:
    """The title of an export; its name if there is none such any more."""
    export = EXPORTS.get(name)
    return str(export.title) if export else name


def titles_of(names: Iterable[str]) -> str:
    return ", ".join(map(title_of, names))
