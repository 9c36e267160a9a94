"""Storages of exports' files, as Django's STORAGES has them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

LEAST_DAYS = 30
_FOLDER = "reports.storage.WholeFileStorage"


def export_targets(env: Any, home: Path) -> dict[str, Any]:
    """Where schedules may deliver, by name: staff choose one and can't name a path."""
    folder = {"BACKEND": _FOLDER, "OPTIONS": {"location": str(home / "delivered")}}
    targets: dict[str, Any] = env.json("JARI_EXPORT_TARGETS", default={"folder": folder})
    return targets


def export_storages(env: Any, targets: Mapping[str, Any]) -> dict[str, Any]:
    """Of kept files: a folder below JARI_HOME, or what JARI_EXPORT_STORAGE says in JSON. Web
    servers and workers must reach the same one. Then those of the targets."""
    return {
        "exports": env.json("JARI_EXPORT_STORAGE", default={"BACKEND": _FOLDER}),
        **{f"export-{name}": target for name, target in targets.items()},
    }


def report_days(env: Any) -> tuple[int, int]:
    """Days that minutes are kept after their line, and reports of evenings after they were made."""
    days = env.int("JARI_MINUTE_DAYS", default=90), env.int("JARI_EVENING_DAYS", default=730)
    # The database refuses to delete a younger report (reports.models.EveningReport).
    if min(days) < LEAST_DAYS:
        raise ImproperlyConfigured(
            f"JARI_MINUTE_DAYS and JARI_EVENING_DAYS must be at least {LEAST_DAYS} days."
        )
    return days
