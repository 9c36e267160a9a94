"""Texts of the admin's columns."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from reports.definitions import EXPORTS


def moment_text(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else "–"


def titles_of(names: Iterable[str]) -> str:
    return ", ".join(str(EXPORTS[name].title) if name in EXPORTS else name for name in names)
