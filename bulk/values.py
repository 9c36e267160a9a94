"""Values of records in a preview, in its stored form, and in the cells of a file."""

from datetime import date, datetime, time
from enum import Enum
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from dataio.csv_out import guarded


def as_json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | time):
        return value.isoformat()
    return value


def all_as_json(values: dict[str, Any]) -> dict[str, Any]:
    return {name: as_json(value) for name, value in values.items()}


def as_cell(value: Any) -> str:
    """The text from which the kind's column reads the same value; no spreadsheet runs it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        local = timezone.localtime(value).replace(tzinfo=None)
        whole_minute = not local.second and not local.microsecond
        return local.isoformat(timespec="minutes" if whole_minute else "auto")
    if isinstance(value, time):
        return value.isoformat(timespec="minutes")
    if isinstance(value, list):
        return guarded("; ".join(map(str, value)))
    value = as_json(value)
    return guarded(value) if isinstance(value, str) else str(value)


def shown(value: Any) -> str:
    """A value as staff read it."""
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return date_format(value, "Y-m-d")
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, Enum):
        return str(getattr(value, "label", value.value))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
