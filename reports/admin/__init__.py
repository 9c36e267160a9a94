"""The staff's pages that read across all apps."""

from reports.admin import control_room, evenings, files, pages, schedules, tokens

__all__ = ["control_room", "evenings", "files", "pages", "schedules", "tokens"]
