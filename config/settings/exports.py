"""Storages of exports' files, as Django's STORAGES has them."""

from typing import Any

_FOLDER = "reports.storage.WholeFileStorage"


def export_storages(env: Any) -> dict[str, Any]:
    """Of kept files: a folder below JARI_HOME, or what JARI_EXPORT_STORAGE says in JSON. Web
    servers and workers must reach the same one."""
    return {"exports": env.json("JARI_EXPORT_STORAGE", default={"BACKEND": _FOLDER})}
