"""Storages of exports' files, as Django's STORAGES has them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
