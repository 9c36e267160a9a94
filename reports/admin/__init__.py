"""The staff's pages that read across all apps."""

from reports.admin import (
    control_room,
    dashboard,
    evenings,
    files,
    morning_mail,
    pages,
    plans,
    schedules,
    tokens,
)

__all__ = [
    "control_room",
    "dashboard",
    "evenings",
    "files",
    "morning_mail",
    "pages",
    "plans",
    "schedules",
    "tokens",
]
